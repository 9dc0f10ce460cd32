"""Requests as bytes on a socket, for what no proper client sends."""

from __future__ import annotations

import json
import socket
from collections.abc import Mapping
from typing import Any, NamedTuple
from urllib.parse import urlsplit


class Answer(NamedTuple):
    """A response as it came."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def error(self) -> dict[str, Any]:
        """The error object, which must have OpenAI's four keys."""
        error: dict[str, Any] = self.json["error"]
        assert set(error) == {"message", "type", "param", "code"}
        assert isinstance(error["message"], str)
        return error


def connect(url: str, timeout: float = 20) -> socket.socket:
    parts = urlsplit(url)
    return socket.create_connection((parts.hostname or "", parts.port or 0), timeout)


def request(
    url: str,
    path: str,
    body: Any = None,
    *,
    method: str | None = None,
    headers: Mapping[str, str | None] | None = None,
) -> bytes:
    """The bytes of a request: a body that is no bytes is sent as JSON, a None header left out."""
    data = b"" if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    fields: dict[str, str | None] = {"Host": urlsplit(url).netloc, "Connection": "close"}
    if body is not None:
        fields |= {"Content-Type": "application/json", "Content-Length": str(len(data))}
    fields |= dict(headers or {})
    lines = [f"{method or ('GET' if body is None else 'POST')} {path} HTTP/1.1"]
    lines += [f"{name}: {value}" for name, value in fields.items() if value is not None]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + data


def read(sock: socket.socket) -> Answer:
    """Read to the end of the connection."""
    with sock:
        data = b"".join(iter(lambda: sock.recv(65536), b""))
    head, _, rest = data.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    headers = {
        name.lower(): value for name, _, value in (line.partition(": ") for line in lines[1:])
    }
    return Answer(int(lines[0].split()[1]), headers, rest)


def send(url: str, data: bytes) -> Answer:
    sock = connect(url)
    sock.sendall(data)
    return read(sock)


def ask(url: str, path: str, body: Any = None, **options: Any) -> Answer:
    """One request, one answer."""
    return send(url, request(url, path, body, **options))
