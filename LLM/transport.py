"""The blocking I/O shell: sends a request to one origin, reads the answer within its bounds."""

from __future__ import annotations

import contextlib
import http.client
import time
from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any
from urllib.parse import urlsplit

import requests
import urllib3

from LLM import telemetry, wire
from LLM.answer import (
    DRAIN_READS,
    DRAIN_S,
    MAX_ANSWER_BYTES,
    MAX_ERROR_BYTES,
    MAX_STREAM_BYTES,
    Answer,
)
from LLM.chunked import ChunkedDecoder
from LLM.connection_errors import too_large, too_long_stream
from LLM.deadline_reader import DeadlineReader
from LLM.debug import heed_debug_setting
from LLM.environment import ca_bundle, proxy_of
from LLM.exceptions import LLMConfigError, LLMError
from LLM.pool_limits import origin_key
from LLM.redaction import remember_keys
from LLM.transport_errors import WIRE_ERRORS, is_closed_pool, translated
from LLM.transport_pool import SessionPool, reset_shared_pools, shared_pool
from LLM.transport_session import READ_BYTES, TimedBody
from LLM.upload import StreamedBody, upload_url
from LLM.wire import StreamedWire, WireRequest

_NO_SOCKS = "names a SOCKS proxy, which needs the package PySocks"


class Transport:
    """Sends requests to one origin. Safe for many threads.

    :param api_root: URL that paths are added to, such as ``https://api.openai.com/v1``.
    :param headers: headers of every request, credentials included.
    :param verify: as in `EndpointConfig`.
    :param max_connections: most idle connections kept. Of no effect when `shared`.
    :param shared: use the connections that all shared transports of this origin use, whatever their
        headers; how many are kept is up to `LLM.pool_limits`.
    :raises LLMConfigError: the CA bundle named by `verify` or the environment does not exist.
    """

    def __init__(
        self,
        api_root: str,
        headers: Mapping[str, str],
        *,
        verify: bool | str = True,
        max_connections: int = 32,
        shared: bool = False,
    ) -> None:
        parts = urlsplit(api_root)
        self.host = parts.netloc
        self._api_root = api_root
        self._origin = f"{parts.scheme}://{parts.netloc}"
        self.headers = dict(headers)
        self._verify = ca_bundle(verify) if parts.scheme == "https" else verify
        no_socks = None if find_spec("socks") else _NO_SOCKS
        proxy = proxy_of(api_root, socks_problem=no_socks)
        self._proxies = {parts.scheme: proxy} if proxy else {}
        self._closed = False
        self._shared = shared
        remember_keys(self)
        heed_debug_setting()
        if shared:
            key = origin_key(parts.scheme, parts.hostname, parts.port, self._verify, proxy)
            self._pool = shared_pool(key, self._origin)
        else:
            self._pool = SessionPool(self._origin, max_connections)

    def reset(self) -> None:
        """Drop all idle connections, unless others share them.

        Calls in flight go on, and close theirs when done.
        """
        if not self._shared:
            self._pool.reset()

    def close(self) -> None:
        """Drop all idle connections for good, unless others share them. Safe to call again."""
        self._closed = True
        if not self._shared:
            self._pool.close()

    @property
    def closed(self) -> bool:
        """Whether `close` was called."""
        return self._closed

    def require_open(self) -> None:
        """:raises LLMConfigError: `close` was called."""
        if self._closed:
            raise LLMConfigError("this client is closed; make a new one")

    def url(self, path: str) -> str:
        """The address behind `path`."""
        return self._api_root + path

    def call(self, method: str, path: str, body: bytes | None, *, timeout_s: float) -> Answer:
        """Send a request and read its whole answer.

        :param path: added to `api_root`; begins with a slash.
        :param timeout_s: seconds from connecting to the last byte.
        :raises LLMConnectionError: no answer.
        :raises LLMTimeoutError: the deadline passed.
        :raises LLMResponseError: the answer is no HTTP, is cut short, or larger than 32 MiB.
        """

        def send() -> Answer:
            return self._read(self._send(method, path, body, timeout_s, "gzip"), timeout_s)

        if not wire.layers():
            return send()
        self.require_open()
        return wire.call(WireRequest(method, self.url(path), self.headers, body, timeout_s), send)

    def stream(self, path: str, body: bytes, *, timeout_s: float) -> Answer | StreamedWire:
        """Send a request whose answer is read bit by bit.

        :param timeout_s: seconds until the answer's headers, and then between two events.
        :return: an answer to be read as it arrives on a 2xx status, otherwise the whole `Answer`.
        :raises LLMError: as `call`.
        """

        def send() -> Answer | StreamedWire:
            raw = self._send("POST", path, body, timeout_s, "identity")
            if 200 <= raw.status < 300:
                return StreamedAnswer(raw, self._origin, timeout_s)
            return self._read(raw, timeout_s)

        if not wire.layers():
            return send()
        self.require_open()
        return wire.stream(WireRequest("POST", self.url(path), self.headers, body, timeout_s), send)

    def download(
        self, path: str, *, timeout_s: float, max_bytes: int = MAX_STREAM_BYTES
    ) -> Answer | StreamedWire:
        """GET a file, which is read bit by bit.

        :param timeout_s: seconds until the answer's headers, and then between two calls of the
            answer's `progress`.
        :param max_bytes: the largest file that is read.
        :return: an answer to be read as it arrives on a 2xx status, otherwise the whole `Answer`.
        :raises LLMError: as `call`.
        """

        def send() -> Answer | StreamedWire:
            raw = self._send("GET", path, None, timeout_s, "identity")
            if 200 <= raw.status < 300:
                return StreamedAnswer(raw, self._origin, timeout_s, max_bytes)
            return self._read(raw, timeout_s)

        if not wire.layers():
            return send()
        self.require_open()
        return wire.stream(WireRequest("GET", self.url(path), self.headers, None, timeout_s), send)

    def upload(
        self,
        target: str,
        body: bytes | StreamedBody,
        headers: Mapping[str, str],
        *,
        timeout_s: float,
    ) -> Answer:
        """POST a body that may be read while it is sent.

        Where the server answers and closes before it has read all, the answer is told.

        :param target: as in `upload_url`.
        :param headers: beside those of every request.
        :param timeout_s: seconds from connecting to the last byte.
        :raises LLMError: as `call`, or what reading the body raises.
        """
        url = upload_url(target, self._api_root, self._origin)

        def send() -> Answer:
            return self._read(self._send("POST", url, body, timeout_s, "gzip", headers), timeout_s)

        if not wire.layers():
            return send()
        self.require_open()
        every = {**self.headers, **headers}
        return wire.call(WireRequest("POST", url, every, body, timeout_s), send)

    def _send(
        self,
        method: str,
        path: str,
        body: bytes | StreamedBody | None,
        timeout_s: float,
        encoding: str,
        further: Mapping[str, str] | None = None,
    ) -> Any:
        """:return: urllib3's response, its body unread."""
        self.require_open()
        session = self._pool.session
        request = requests.PreparedRequest()
        request.method = method
        # Only `upload` has the whole address already, and headers of its own.
        request.url = self.url(path) if further is None else path
        headers = {**self.headers, **(further or {}), "Accept-Encoding": encoding}
        if (recorder := telemetry.current) is not None:
            headers = {**recorder.headers(), **headers}
        if isinstance(body, StreamedBody):
            request.body = TimedBody(body, time.monotonic() + timeout_s)  # type: ignore[assignment]  # any iterable will do
            headers["Content-Type"] = body.content_type
            headers["Content-Length"] = str(body.size_bytes)
        elif body is not None:
            request.body = body
            headers["Content-Type"] = "application/json"
            headers["Content-Length"] = str(len(body))
        request.headers = headers  # type: ignore[assignment]  # any mapping of strings will do
        try:
            return session.send(
                request,
                stream=True,
                timeout=urllib3.Timeout(total=timeout_s),  # type: ignore[arg-type]  # HTTPAdapter takes it
                verify=self._verify,
                proxies=self._proxies,
                allow_redirects=False,
            ).raw
        except (*WIRE_ERRORS, LLMError) as err:
            was_reset = is_closed_pool(err) and (self._closed or self._pool.session is not session)
            failure = translated(err, self._origin, timeout_s, "first_byte")
            # One that reading the body has raised has come through frames that hold the headers.
            failure.__traceback__ = None
        if was_reset:
            return self._send(method, path, body, timeout_s, encoding, further)
        # Raised out here: the handled exception refers to the request, and so to the key.
        raise failure from failure.__cause__

    def _read(self, raw: Any, timeout_s: float) -> Answer:
        if not 200 <= raw.status < 300:
            return Answer(raw.status, raw.headers, _read_start(raw))
        try:
            return Answer(raw.status, raw.headers, _read_capped(raw))
        except (*WIRE_ERRORS, LLMError) as err:
            raw.close()
            failure = translated(err, self._origin, timeout_s, "total")
        raise failure from failure.__cause__


def close_shared_pools() -> None:
    """Close the idle shared connections. Calls in flight finish first, and close theirs.

    A client that is used later opens new ones, within the limits of that time.
    """
    reset_shared_pools()


class StreamedAnswer:
    """An answer whose body is read as it arrives.

    :param raw: urllib3's response, whose headers have been read.
    :param gap_s: seconds that may pass between two calls of `progress`.
    :param max_bytes: most decoded bytes that are read.
    """

    def __init__(
        self, raw: Any, origin: str, gap_s: float, max_bytes: int = MAX_STREAM_BYTES
    ) -> None:
        self.status: int = raw.status
        self.headers: Mapping[str, str] = raw.headers
        self._raw = raw
        self._origin = origin
        self._gap_s = gap_s
        self._max_bytes = max_bytes
        # None when a test tool made the response, or a SOCKS proxy carries it: each read then has
        # the socket's own timeout.
        self._reader: DeadlineReader | None = getattr(raw, "reader", None)

    def progress(self) -> None:
        """Waiting for the next event begins now: it has the whole gap."""
        if self._reader is not None:
            self._reader.deadline = time.monotonic() + self._gap_s

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes, as the socket gives them.

        :raises LLMTimeoutError: the gap between two events passed.
        :raises LLMResponseError: the body is cut short, broken, or larger than `max_bytes`.
        """
        left = self._max_bytes
        try:
            for piece in self._unwrap_chunks() if self._is_plain_chunked() else self._read_plain():
                left -= len(piece)
                if left < 0:
                    raise too_long_stream(self._origin, self._max_bytes)
                yield piece
            return
        except WIRE_ERRORS as err:
            failure = translated(err, self._origin, self._gap_s, "between_chunks")
        raise failure from failure.__cause__

    def drain(self, pieces: Iterator[bytes]) -> None:
        """Read what little may follow the last event, so that the connection can be kept."""
        if self._reader is not None:
            self._reader.deadline = time.monotonic() + DRAIN_S
        try:
            for _ in zip(range(DRAIN_READS), pieces, strict=False):
                continue
        except LLMError:
            self.close()

    def close(self) -> None:
        """Close the connection unless the body was read to its end.

        Safe to call again, from any thread (one that waits for the next bytes is woken), and by
        the garbage collector: no lock is taken. The pool makes the connection anew when it is
        missed, so nothing is given back to it.
        """
        if self._raw.connection is not None:
            with contextlib.suppress(OSError, ValueError, RuntimeError):
                self._raw.shutdown()
            self._raw.close()

    def _is_plain_chunked(self) -> bool:
        return (
            self._reader is not None
            and self.headers.get("transfer-encoding", "").lower() == "chunked"
            and self.headers.get("content-encoding", "identity").lower() == "identity"
        )

    def _unwrap_chunks(self) -> Iterator[bytes]:
        decoder = ChunkedDecoder()
        read1 = self._raw.file.read1
        while not decoder.done:
            data = read1(READ_BYTES)
            if not data:
                raise http.client.IncompleteRead(b"")
            if piece := decoder.feed(data):
                yield piece
        # The body ended where it should, so the connection can carry the next request.
        self._raw._original_response.close()
        self._raw.release_conn()

    def _read_plain(self) -> Iterator[bytes]:
        while data := self._raw.read1(READ_BYTES, decode_content=True):
            yield data
            # One read of the socket can decode to a thousand pieces; the deadline holds for them.
            if self._reader is not None and time.monotonic() > self._reader.deadline:
                raise TimeoutError("deadline passed")
        if self._raw.length_remaining:
            raise http.client.IncompleteRead(b"", self._raw.length_remaining)


def _read_capped(raw: Any) -> bytes:
    """The whole decoded body. :raises LLMResponseError: it is larger than 32 MiB."""
    limit = MAX_ANSWER_BYTES
    length = raw.length_remaining
    if length is not None and length <= limit and "content-encoding" not in raw.headers:
        return bytes(raw.read())
    pieces = []
    left = limit if length is None or length <= limit else -1
    while left >= 0 and (piece := raw.read(READ_BYTES, decode_content=True)):
        pieces.append(piece)
        left -= len(piece)
    if left < 0:
        raise too_large()
    return b"".join(pieces)


def _read_start(raw: Any) -> bytes:
    """The first MiB of an error's decoded body, or what can be read: the status says the most."""
    pieces = []
    left = MAX_ERROR_BYTES
    try:
        # read1 hands over what has arrived, so a body that is cut later still gives its reason.
        while left > 0 and (piece := raw.read1(min(left, READ_BYTES), decode_content=True)):
            pieces.append(piece)
            left -= len(piece)
        complete = left > 0
    except WIRE_ERRORS:
        complete = False
    if not complete:
        raw.close()
    return b"".join(pieces)
