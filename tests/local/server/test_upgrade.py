"""Requests that ask for another protocol are answered by HTTP/1.1, as Java's client expects."""

from __future__ import annotations

from typing import Any

import pytest

from local_llm_kit.server import LocalServer
from tests.local.http import Answer, ask, connect, read, request

CHAT = "/v1/chat/completions"
BODY = {"messages": [{"role": "user", "content": "Hello!"}], "max_tokens": 1}
H2C = {"Connection": "Upgrade, HTTP2-Settings", "Upgrade": "h2c", "HTTP2-Settings": "AAEAAEAA"}


def upgrading(server: LocalServer, headers: dict[str, Any] = H2C) -> bytes:
    return request(server.url, CHAT, BODY, headers=headers)


def then_health(server: LocalServer, pieces: list[bytes]) -> tuple[bytes, Answer]:
    """The first answer's beginning, and the answer to another request on the same connection."""
    with connect(server.url) as sock:
        for piece in pieces:
            sock.sendall(piece)
        head = b""
        while b'"usage"' not in head:
            head += sock.recv(65536)
        sock.sendall(request(server.url, "/health"))
        return head, read(sock)


@pytest.mark.parametrize("protocol", ["h2c", "websocket", "TLS/1.0"])
def test_the_body_of_one_who_asks_for_another_protocol_is_read(
    server: LocalServer, protocol: str, caplog: pytest.LogCaptureFixture
) -> None:
    head, health = then_health(server, [upgrading(server, H2C | {"Upgrade": protocol})])
    assert b" 200 OK" in head
    assert health.status == 200
    assert not caplog.records


def test_it_is_read_however_it_is_cut(server: LocalServer) -> None:
    data = upgrading(server)
    n_head = data.index(b"\r\n\r\n") + 4
    for cut in (1, n_head - 1, n_head, n_head + 1, len(data) - 1):
        head, health = then_health(server, [data[:cut], data[cut:]])
        assert (b" 200 OK" in head, health.status) == (True, 200)


def test_requests_behind_it_are_read_too(server: LocalServer) -> None:
    with connect(server.url) as sock:
        sock.sendall(upgrading(server) * 2 + request(server.url, "/health"))
        data = b"".join(iter(lambda: sock.recv(65536), b""))
    assert data.count(b" 200 OK") == 3


def test_one_without_a_body_is_answered_as_any(server: LocalServer) -> None:
    with connect(server.url) as sock:
        sock.sendall(request(server.url, "/health", headers=H2C))
        sock.sendall(request(server.url, "/health"))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200")


def test_a_body_in_chunks_is_refused_there(server: LocalServer) -> None:
    headers = H2C | {"Content-Length": None, "Transfer-Encoding": "chunked"}
    with connect(server.url) as sock:
        sock.sendall(request(server.url, CHAT, b"2\r\n{}\r\n0\r\n\r\n", headers=headers))
        assert b" 400 " in sock.recv(65536)
    assert ask(server.url, "/health").status == 200
