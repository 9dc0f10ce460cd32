"""Files from the web: from public hosts only, whatever the address looks like."""

from __future__ import annotations

import gzip
import socket
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
import trustme

from llmring.exceptions import FileProcessingError, FileSizeError
from llmring.files import download as module
from llmring.files.download import download, is_public
from llmring.files.rules import FileRules
from tests.llmring.files.contents import PDF, PNG
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer, close, drip, hang

ALLOWED = FileRules(allow_remote=True, max_download_bytes=1000)


@pytest.fixture
def near(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loopback counts as public, so that a server here can stand for one on the web."""
    monkeypatch.setattr(module, "is_public", lambda _: True)


def from_server(*steps: Any, path: str = "/a", timeout_s: float = 5.0) -> module.Download:
    with ScriptedServer(([*steps],)) as server:
        return download(server.url + path, ALLOWED, timeout_s)


def refusal(*steps: Any, **arguments: Any) -> FileProcessingError:
    with pytest.raises(FileProcessingError) as caught:
        from_server(*steps, **arguments)
    return caught.value


LOOPBACK = [
    "http://127.0.0.1:{port}/",
    "http://localhost:{port}/",
    "http://127.1:{port}/",
    "http://2130706433:{port}/",
    "http://0x7f000001:{port}/",
    "http://0177.0.0.1:{port}/",
    "http://0.0.0.0:{port}/",
    "http://[::1]:{port}/",
    "http://[::ffff:127.0.0.1]:{port}/",
    "http://LOCALHOST.:{port}/",
]


@pytest.mark.parametrize("spelling", LOOPBACK)
def test_no_spelling_of_this_machine_is_connected_to(
    spelling: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def look_up(host: str, *_: Any, **__: Any) -> Any:
        # As the system does it; the tests' guard knows only the usual spellings.
        is_v6 = ":" in host
        address = host if is_v6 else "127.0.0.1"
        return [(socket.AF_INET6 if is_v6 else socket.AF_INET, 1, 6, "", (address, server.port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with ScriptedServer((wire.answer(PNG),)) as server:
        with pytest.raises(FileProcessingError, match="not on the public internet"):
            download(spelling.format(port=server.port), ALLOWED, 5.0)
        assert server.connections == 0


@pytest.mark.parametrize(
    "address",
    ["10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "224.0.0.1",
     "255.255.255.255", "fe80::1%eth0", "fc00::1", "ff02::1", "::", "64:ff9b::7f00:1",
     "2002:7f00:1::", "2001:0:1::", "::ffff:10.0.0.1", "::127.0.0.1", "fec0::1"],
)  # fmt: skip
def test_addresses_that_are_not_everybodys_are_not_public(address: str) -> None:
    assert not is_public(address)


@pytest.mark.parametrize("address", ["93.184.216.34", "2606:2800:220:1::1", "::ffff:8.8.8.8"])
def test_addresses_on_the_internet_are_public(address: str) -> None:
    assert is_public(address)


def test_one_private_address_among_a_names_spoils_it(monkeypatch: pytest.MonkeyPatch) -> None:
    places = [(socket.AF_INET, 1, 6, "", (host, 80)) for host in ("93.184.216.34", "10.0.0.1")]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: places)
    with pytest.raises(FileProcessingError, match="public internet"):
        download("http://x.test/", ALLOWED, 5.0)


def test_a_name_is_looked_up_once(near: None, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def look_up(host: str, *_: Any, **__: Any) -> Any:
        asked.append(host)
        return [(socket.AF_INET, 1, 6, "", ("127.0.0.1", server.port))]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    with ScriptedServer((wire.answer(PNG),)) as server:
        assert download("http://x.test/a.png", ALLOWED, 5.0).data == PNG
    assert asked == ["x.test"]
    assert server.requests[0].headers["host"] == "x.test"


def test_nothing_is_downloaded_unless_that_is_allowed() -> None:
    with pytest.raises(FileProcessingError, match="LLMRING_ALLOW_REMOTE_URLS"):
        download("http://127.0.0.1/", FileRules(), 5.0)


def test_a_host_that_does_not_exist_is_named() -> None:
    with pytest.raises(FileProcessingError, match=r"no host 'x\.invalid'"):
        download("http://x.invalid/", ALLOWED, 5.0)


@pytest.mark.parametrize(
    ("data", "told", "path", "media_type"),
    [
        (PNG, "text/plain", "/a", "image/png"),
        (b"a,b", "Text/CSV; charset=utf-8", "/a", "text/csv"),
        (PDF, "", "/a", "application/pdf"),
        (b"hi", "", "/a.md?x=1", "text/markdown"),
        (b"hi", "", "/a", "application/octet-stream"),
        (b"hi", 'text/x,"y', "/a.md", "text/markdown"),
        (b"hi", "text/" + "x" * 1000, "/a.md", "text/markdown"),
    ],
)
def test_the_type_is_what_the_content_says_else_the_server(
    near: None, data: bytes, told: str, path: str, media_type: str
) -> None:
    found = from_server(wire.answer(data, content_type=told), path=path)
    assert (found.data, found.media_type) == (data, media_type)


def test_nothing_of_ours_is_sent(near: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    with ScriptedServer((wire.answer(PNG),)) as server:
        download(server.url + "/ü/a b.png".replace(" ", "%20") + "?q=é", ALLOWED, 5.0)
    (request,) = server.requests
    assert request.path == "/%C3%BC/a%20b.png?q=%C3%A9"
    assert set(request.headers) == {"host", "accept", "accept-encoding"}


def test_a_redirect_is_not_followed(near: None) -> None:
    answer = wire.answer(b"", 302, [("Location", "http://169.254.169.254/")])
    assert "redirects are not followed" in refusal(answer).message


@pytest.mark.parametrize("status", [204, 206, 404, 500])
def test_another_status_gives_no_file(near: None, status: int) -> None:
    assert f"status {status}" in refusal(wire.answer(b"x", status)).message


def test_what_is_larger_than_allowed_is_refused(near: None) -> None:
    announced = refusal(wire.answer(b"x" * 1001))
    told = refusal(wire.answer(b"x" * 2000, content_length=None), close)
    for error in (announced, told):
        assert isinstance(error, FileSizeError)
        assert "LLMRING_MAX_DOWNLOAD_SIZE_BYTES" in error.message


def test_compressed_content_is_refused(near: None) -> None:
    answer = wire.answer(gzip.compress(b"x"), headers=[("Content-Encoding", "gzip")])
    assert "compressed" in refusal(answer).message


@pytest.mark.parametrize(
    "steps",
    [
        [wire.answer(b"x" * 10, content_length="20"), close],
        [b"no HTTP\r\n\r\n", close],
        [close],
        [b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 500 + b"\r\n"],
        [wire.answer(b"")],
    ],
    ids=["cut", "no HTTP", "closed", "many headers", "empty"],
)
def test_an_answer_that_is_none_is_refused(near: None, steps: list[Any]) -> None:
    assert isinstance(refusal(*steps), FileProcessingError)


@pytest.mark.parametrize(
    "steps",
    [
        [hang],
        [drip(b"HTTP/1.1 200 OK\r\n" + b"A: b\r\n" * 99)],
        [wire.answer(b"", content_length="900"), drip(b"x" * 900)],
        [b"HTTP/1.1 200 OK\r\n\r\n", drip(b"x" * 900)],
    ],
    ids=["silence", "dripped headers", "dripped body", "dripped body without end"],
)
def test_a_slow_host_is_left_at_the_deadline(near: None, steps: list[Any]) -> None:
    assert "within 0.2 s" in refusal(*steps, timeout_s=0.2).message
    assert not [one for one in threading.enumerate() if isinstance(one, threading.Timer)]


def test_the_address_is_not_told() -> None:
    with pytest.raises(FileProcessingError) as caught:
        download("http://127.0.0.1/file?token=secret", ALLOWED, 5.0)
    assert "secret" not in str(caught.value)


@contextmanager
def tls_server(certificate: trustme.LeafCert) -> Iterator[int]:
    """Answers one request over TLS. :return: the port."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    certificate.configure_cert(context)
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        raw, _ = listener.accept()
        raw.settimeout(5)
        try:
            with context.wrap_socket(raw, server_side=True) as sock:
                sock.recv(65536)
                sock.sendall(wire.answer(PNG))
        except OSError:
            raw.close()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    with listener:
        yield listener.getsockname()[1]
        thread.join(5)


@pytest.mark.parametrize("name", ["files.test", "other.test"])
def test_the_hosts_certificate_is_checked_by_its_name(
    name: str, near: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    authority, plain = trustme.CA(), ssl.create_default_context

    def trusting() -> ssl.SSLContext:
        context = plain()
        authority.configure_trust(context)
        return context

    monkeypatch.setattr(ssl, "create_default_context", trusting)
    with tls_server(authority.issue_cert("files.test")) as port:
        place = (socket.AF_INET, 1, 6, "", ("127.0.0.1", port))
        monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [place])
        if name == "files.test":
            assert download(f"https://{name}/a", ALLOWED, 5.0).data == PNG
            return
        with pytest.raises(FileProcessingError, match="certificate"):
            download(f"https://{name}/a", ALLOWED, 5.0)
