"""Downloads a file from the web, and from nowhere else.

The address may come from a stranger, who would like to have this machine ask others that only it
can reach. So the host's name is looked up once, all that it stands for must be public, and the
connection goes to what was looked up. Redirects are not followed, proxies of the environment are
not used, and no key or cookie is sent.

Source: https://cheatsheetseries.owasp.org/cheatsheets/Server_Side_Request_Forgery_Prevention_Cheat_Sheet.html
"""

from __future__ import annotations

import contextlib
import http.client
import ipaddress
import socket
import ssl
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import SplitResult, quote, urlsplit

from llmring.exceptions import FileProcessingError, FileSizeError
from llmring.files import media_types
from llmring.files.rules import FileRules
from llmring.files.sources import checked_address

_PIECE_BYTES = 64 * 1024
#: What a path and a query may have unquoted: a quoted octet stays as it is.
_SAFE = "/%:@!$&'()*+,;=-._~?"
#: Networks whose addresses stand for others: IPv4's in IPv6, NAT64, 6to4, Teredo.
_TRANSLATED = tuple(
    map(
        ipaddress.IPv6Network,
        ("::/96", "64:ff9b::/96", "64:ff9b:1::/48", "2002::/16", "2001::/32"),
    )
)


@dataclass(frozen=True, slots=True)
class Download:
    """A file from the web."""

    media_type: str
    data: bytes


def download(url: str, rules: FileRules, timeout_s: float) -> Download:
    """The file at an http or https address.

    :param timeout_s: seconds for all of it, but for looking the name up.
    :raises FileProcessingError: addresses are not allowed, this one is not public, or it gives no
        file.
    :raises FileSizeError: the file is larger than ``LLMRING_MAX_DOWNLOAD_SIZE_BYTES``.
    """
    parts = urlsplit(checked_address(url, rules))
    assert parts.hostname is not None, "an address that was checked has a host"
    place = _public_place(parts)
    try:
        with _connected(parts, place, time.monotonic() + timeout_s) as connection:
            return _answer(connection, parts, rules.max_download_bytes)
    except (OSError, http.client.HTTPException, ValueError) as err:
        # The address is not shown: it may have a token in it.
        reason = str(err) or type(err).__name__
        raise FileProcessingError(
            f"the file at {parts.hostname} cannot be downloaded within {timeout_s:g} s: "
            f"{reason[:200]}"
        ) from err


def is_public(address: str) -> bool:
    """Whether an IP address is anybody's on the internet."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        if ip.ipv4_mapped is not None:
            return is_public(str(ip.ipv4_mapped))
        if ip.is_site_local or any(ip in network for network in _TRANSLATED):
            return False
    return ip.is_global and not ip.is_multicast


def _public_place(parts: SplitResult) -> tuple[socket.AddressFamily, Any]:
    """Where to connect to: what the host's name stands for, if all of that is public."""
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme.lower() == "https" else 80)
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    except (OSError, UnicodeError) as err:
        raise FileProcessingError(f"there is no host {host!r}; check the file's address") from err
    if not all(is_public(str(place[0])) for *_, place in found):
        raise FileProcessingError(
            f"{host!r} is not on the public internet; download the file and give its path"
        )
    return found[0][0], found[0][4]


@contextlib.contextmanager
def _connected(
    parts: SplitResult, place: tuple[socket.AddressFamily, Any], end: float
) -> Iterator[http.client.HTTPConnection]:
    """A connection to a place, which breaks at `end`, however slowly it drips."""
    plain = socket.socket(place[0], socket.SOCK_STREAM)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port)
    if parts.scheme.lower() == "https":
        connection.default_port = 443
        if parts.port is None:
            connection.port = 443
    try:
        plain.settimeout(max(end - time.monotonic(), 0.001))
        plain.connect(place[1])
        sock = plain
        if parts.scheme.lower() == "https":
            sock = ssl.create_default_context().wrap_socket(
                plain, server_hostname=parts.hostname, do_handshake_on_connect=False
            )
        connection.sock = sock
        with _broken_at(end, sock):
            if isinstance(sock, ssl.SSLSocket):
                sock.do_handshake()
            yield connection
    finally:
        connection.close()
        plain.close()


@contextlib.contextmanager
def _broken_at(end: float, sock: socket.socket) -> Iterator[None]:
    is_over: list[bool] = []

    def shut() -> None:
        is_over.append(True)
        with contextlib.suppress(OSError):
            socket.socket.shutdown(sock, socket.SHUT_RDWR)

    watchdog = threading.Timer(max(end - time.monotonic(), 0.0), shut)
    watchdog.daemon = True
    watchdog.start()
    try:
        yield
    except Exception as err:
        if is_over:
            raise TimeoutError("the time is over") from err
        raise
    finally:
        watchdog.cancel()
        watchdog.join()
    # A body of no announced length ends with the connection, whoever has ended that.
    if is_over:
        raise TimeoutError("the time is over")


def _answer(connection: http.client.HTTPConnection, parts: SplitResult, max_bytes: int) -> Download:
    target = quote(parts.path or "/", safe=_SAFE)
    if parts.query:
        target += "?" + quote(parts.query, safe=_SAFE)
    connection.request("GET", target, headers={"Accept-Encoding": "identity", "Accept": "*/*"})
    with contextlib.closing(connection.getresponse()) as answer:
        return _file(answer, parts, max_bytes)


def _file(answer: http.client.HTTPResponse, parts: SplitResult, max_bytes: int) -> Download:
    host = parts.hostname or ""
    if answer.status != 200:
        follow = "; redirects are not followed" if 300 <= answer.status < 400 else ""
        raise FileProcessingError(
            f"{host} answers with status {answer.status}{follow}; give an address that has the "
            "file itself"
        )
    if answer.getheader("Content-Encoding", "identity").lower() != "identity":
        raise FileProcessingError(
            f"{host} sends the file compressed, though unasked; download it and give its path"
        )
    data = _body(answer, host, max_bytes)
    told = (answer.getheader("Content-Type") or "").partition(";")[0].strip().lower()
    head = data[: media_types.HEAD_BYTES]
    known = told if media_types.is_media_type(told) else None
    media_type = media_types.sniffed(head) or known or media_types.named(parts.path)
    return Download(media_type or media_types.UNKNOWN, data)


def _body(answer: http.client.HTTPResponse, host: str, max_bytes: int) -> bytes:
    too_large = FileSizeError(
        f"the file at {host} has more than {max_bytes:,} bytes; raise "
        "LLMRING_MAX_DOWNLOAD_SIZE_BYTES, or download it and give its path"
    )
    if answer.length is not None and answer.length > max_bytes:
        raise too_large
    data = bytearray()
    while piece := answer.read(_PIECE_BYTES):
        data += piece
        if len(data) > max_bytes:
            raise too_large
    if answer.length:  # what was announced and has not come
        raise http.client.IncompleteRead(b"", answer.length)
    if not data:
        raise FileProcessingError(f"{host} has an empty file at that address; give another")
    return bytes(data)
