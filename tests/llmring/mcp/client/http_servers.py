"""MCP servers of the SDK, over streamable HTTP on a real port."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn


@contextmanager
def serving(app: Any) -> Iterator[str]:
    """Serve an ASGI application on a free port. :return: its root, without a slash."""
    config = uvicorn.Config(
        app, host="127.0.0.1", port=0, log_config=None, timeout_graceful_shutdown=1, ws="none"
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    try:
        deadline = time.monotonic() + 20
        while not server.started and time.monotonic() < deadline:
            time.sleep(0.005)
        assert server.started
        port = server.servers[0].sockets[0].getsockname()[1]
        yield f"http://127.0.0.1:{port}"
    finally:
        server.should_exit = True
        thread.join(20)
        assert not thread.is_alive()


class Noting:
    """An application before another one: it notes requests, and can refuse them.

    :param status: the answer to every POST, in place of the application's; 0 for its own.
    """

    def __init__(self, app: Any, status: int = 0, headers: dict[str, str] | None = None) -> None:
        self._app = app
        self._status = status
        self._headers = [(k.encode(), v.encode()) for k, v in (headers or {}).items()]
        self.requests: list[tuple[str, dict[str, str]]] = []

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        headers = {key.decode(): value.decode() for key, value in scope["headers"]}
        self.requests.append((scope["method"], headers))
        if self._status:
            start = {"type": "http.response.start", "status": self._status}
            await send({**start, "headers": self._headers})
            await send({"type": "http.response.body", "body": b""})
        else:
            await self._app(scope, receive, send)
