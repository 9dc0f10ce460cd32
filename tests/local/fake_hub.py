"""A Hugging Face hub on loopback, with the failures that real ones have."""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import unquote, urlsplit

COMMIT = "0123456789abcdef0123456789abcdef01234567"


@dataclass
class FakeHub:
    """One repository, ``owner/name``, and what goes wrong with it.

    :ivar files: content by path.
    :ivar cuts: by path, how many bytes each further answer may have before the connection breaks;
        an answer more than there are numbers is whole.
    :ivar stall: ends a silence into which every download falls once it has begun.
    :ivar refusal: status and ``X-Error-Code`` of every answer.
    :ivar requests: method, path and ``Range`` of what was asked.
    :ivar tokens: the ``Authorization`` headers that came.
    """

    files: dict[str, bytes]
    url: str = ""
    cuts: dict[str, list[int]] = field(default_factory=dict)
    damaged: set[str] = field(default_factory=set)
    stall: threading.Event | None = None
    refusal: tuple[int, str] | None = None
    requests: list[tuple[str, str, str | None]] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)

    def listing(self) -> dict[str, Any]:
        return {"id": "owner/name", "sha": COMMIT, "siblings": [*map(self._entry, self.files)]}

    def _entry(self, path: str) -> dict[str, Any]:
        data = self.files[path]
        entry = {"rfilename": path, "size": len(data), "blobId": git_sha1(data)}
        if is_large(path):
            sha256 = hashlib.sha256(data).hexdigest()
            entry["lfs"] = {"sha256": sha256, "size": len(data), "pointerSize": 130}
        return entry

    def sent(self, path: str) -> list[str | None]:
        """The ranges that were asked of a file."""
        return [asked for verb, file, asked in self.requests if verb == "GET" and file == path]


def git_sha1(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


def is_large(path: str) -> bool:
    return path.endswith((".gguf", ".safetensors", ".bin"))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    hub: FakeHub

    def log_message(self, *args: Any) -> None:
        pass

    def do_HEAD(self) -> None:
        self._answer()

    def do_GET(self) -> None:
        self._answer()

    def _answer(self) -> None:
        path = unquote(urlsplit(self.path).path)
        file = re.sub(rf"^/owner/name/resolve/({COMMIT}|main)/", "", path)
        self.hub.requests.append((self.command, file, self.headers["Range"]))
        self.hub.tokens.add(self.headers["Authorization"] or "")
        if self.hub.refusal:
            self._send(self.hub.refusal[0], b"{}", {"X-Error-Code": self.hub.refusal[1]})
        elif path == "/api/models/owner/name/revision/main":
            self._send(200, json.dumps(self.hub.listing()).encode())
        elif path.startswith("/api/models/owner/name/revision/"):
            self._send(404, b"{}", {"X-Error-Code": "RevisionNotFound"})
        elif file in self.hub.files and file != path:
            self._send_file(file)
        else:
            self._send(404, b"{}", {"X-Error-Code": "RepoNotFound"})

    def _send_file(self, path: str) -> None:
        data = self.hub.files[path]
        large = is_large(path)
        etag = hashlib.sha256(data).hexdigest() if large else git_sha1(data)
        headers = {"ETag": f'"{etag}"', "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if path in self.hub.damaged:
            data = bytes([data[0] ^ 1]) + data[1:]
        match = re.fullmatch(r"bytes=(\d+)-", self.headers["Range"] or "")
        start = int(match[1]) if match else 0
        if match:
            headers["Content-Range"] = f"bytes {start}-{len(data) - 1}/{len(data)}"
        cuts = self.hub.cuts.get(path) if self.command == "GET" else None
        limit = cuts.pop(0) if cuts else None
        self._send(206 if match else 200, data[start:], headers, limit)

    def _send(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        limit: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command == "HEAD":
            return
        self.wfile.write(body[:limit])
        self.wfile.flush()
        if self.hub.stall and limit is not None:
            self.hub.stall.wait(30)
        self.close_connection = limit is not None


@contextmanager
def running_hub(files: dict[str, bytes]) -> Iterator[FakeHub]:
    hub = FakeHub(files)
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Handler", (_Handler,), {"hub": hub}))
    hub.url = f"http://127.0.0.1:{server.server_port}"
    thread = threading.Thread(target=server.serve_forever, args=(0.02,))
    thread.start()
    try:
        yield hub
    finally:
        if hub.stall:
            hub.stall.set()
        server.shutdown()
        thread.join()
        server.server_close()
