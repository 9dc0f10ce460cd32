"""Running servers, and clients of theirs that say what they get."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import requests

from llmring.server.options import ServerOptions
from llmring.server.run import RingServer

ADMIN_KEY = "the-admins-own-key"


class Answer(NamedTuple):
    """What a server says."""

    status: int
    body: Any
    headers: Any

    @property
    def code(self) -> str | None:
        """The code of an error."""
        code: str | None = self.body["error"]["code"]
        return code


class Client:
    """Asks a server.

    :param key: None asks without one.
    """

    def __init__(self, url: str, key: str | None = None) -> None:
        self.url = url
        self.key = key
        self.headers = {} if key is None else {"authorization": f"Bearer {key}"}

    def ask(self, method: str, path: str, body: Any = None, **query: Any) -> Answer:
        """Send a request; the path is below the API's, unless it begins with two slashes."""
        whole = path[1:] if path.startswith("//") else f"/api/v1{path}"
        data = None if body is None else json.dumps(body)
        headers = {**self.headers, **({} if data is None else {"content-type": "application/json"})}
        got = requests.request(
            method, self.url + whole, data=data, headers=headers, params=query, timeout=30
        )
        return Answer(got.status_code, got.json(), got.headers)

    def get(self, path: str, **query: Any) -> Any:
        """What is there."""
        answer = self.ask("GET", path, **query)
        assert answer.status == 200, answer
        return answer.body

    def post(self, path: str, body: Any) -> Any:
        """What is made."""
        answer = self.ask("POST", path, body)
        assert answer.status in (200, 201), answer
        return answer.body

    def raw(self, data: bytes, timeout: float = 10.0) -> bytes:
        """Send bytes as they are. :return: what comes until the server closes, or waits."""
        with self.connect(timeout) as connection:
            connection.sendall(data)
            return received(connection)

    def connect(self, timeout: float = 10.0) -> socket.socket:
        """A connection."""
        parts = urlsplit(self.url)
        return socket.create_connection((parts.hostname or "", parts.port or 0), timeout)


def received(connection: socket.socket) -> bytes:
    """The first answer that comes, whole; what there is where the server closes."""
    data = b""
    while not _is_whole(data):
        piece = connection.recv(65536)
        if not piece:
            break
        data += piece
    return data


def _is_whole(data: bytes) -> bool:
    head, found, body = data.partition(b"\r\n\r\n")
    lengths = [
        int(line.partition(b":")[2])
        for line in head.split(b"\r\n")
        if line.lower().startswith(b"content-length:")
    ]
    return bool(found) and bool(lengths) and len(body) >= lengths[0]


def request(method: str, path: str, key: str = "", body: bytes = b"", *headers: str) -> bytes:
    """A request's bytes."""
    lines = [f"{method} {path} HTTP/1.1", *headers]
    if not any(one.lower().startswith("host:") for one in headers):
        lines.append("host: 127.0.0.1")
    if key:
        lines.append(f"authorization: Bearer {key}")
    if body:
        lines += ["content-type: application/json", f"content-length: {len(body)}"]
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + body


@contextmanager
def running(**options: Any) -> Iterator[RingServer]:
    """A real server in a thread, on a free port."""
    server = RingServer(ServerOptions(port=0, **options))
    ready = threading.Event()
    thread = threading.Thread(target=server.run, args=(lambda _: ready.set(),), daemon=True)
    thread.start()
    assert ready.wait(30)
    try:
        yield server
    finally:
        server.stop()
        thread.join(30)
        assert not thread.is_alive(), "the server did not stop"


def text_of(client: Client, path: str) -> str:
    """What is at a path of the server itself, as text."""
    got = requests.get(client.url + path, headers=client.headers, timeout=30)
    assert got.status_code == 200, got.text
    return got.text
