"""A server that sends the real page and answers it as a test says: slowly, wrongly, hostile."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
from collections import deque
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route

from local_llm_kit.server import page

#: What an answer is made of: bytes are sent, an event is waited for.
Script = list[bytes | threading.Event]


def event(data: Any) -> bytes:
    return b"data: " + json.dumps(data).encode() + b"\n\n"


def chunk(finish: str | None = None, **delta: Any) -> bytes:
    return event({"model": "tiny", "choices": [{"delta": delta, "finish_reason": finish}]})


def usage(prompt: int, completion: int) -> bytes:
    counts = {"prompt_tokens": prompt, "completion_tokens": completion}
    return event({"model": "tiny", "choices": [], "usage": counts})


END = chunk("stop") + usage(10, 5) + b"data: [DONE]\n\n"


def said(text: str) -> Script:
    """An answer that is there at once."""
    return [chunk(content=text), END]


class Peer:
    """Answers each chat request with the next script, or the next response.

    :ivar asked: bodies of the requests, in order.
    :ivar left: set when a client leaves before its answer is complete.
    """

    def __init__(self) -> None:
        self.url = ""
        self.reset()

    def reset(self) -> None:
        """Forget what was asked and what is to be said."""
        self.answers: deque[Script | Response] = deque()
        self.asked: list[dict[str, Any]] = []
        self.keys: list[str | None] = []
        self.left = threading.Event()
        self.cards: list[dict[str, Any]] = [{"id": "tiny", "context_length": 100}]
        self.required_key: str | None = None

    async def models(self, request: Request) -> Response:
        return self._refused(request) or JSONResponse({"object": "list", "data": self.cards})

    async def health(self, request: Request) -> Response:
        return JSONResponse({"status": "ok", "slots": 1, "running": 1, "waiting": 3})

    async def chat(self, request: Request) -> Response:
        refused = self._refused(request)
        if refused is not None:
            return refused
        self.asked.append(await request.json())
        answer = self.answers.popleft()
        if isinstance(answer, Response):
            return answer
        return StreamingResponse(self._play(answer), media_type="text/event-stream")

    async def _play(self, script: Script) -> AsyncIterator[bytes]:
        left = self.left  # not the next test's
        try:
            for step in script:
                if isinstance(step, bytes):
                    yield step
                    continue
                while not step.is_set():
                    await asyncio.sleep(0.01)
        except asyncio.CancelledError:
            left.set()
            raise

    def _refused(self, request: Request) -> Response | None:
        key = request.headers.get("authorization")
        self.keys.append(key)
        if self.required_key is None or key == f"Bearer {self.required_key}":
            return None
        return refusal(401, "the API key is missing or wrong")


def refusal(status: int, message: str) -> Response:
    return JSONResponse({"error": {"message": message, "code": None}}, status)


@contextmanager
def running_peer() -> Iterator[Peer]:
    peer = Peer()
    app = Starlette(
        routes=[
            *page.routes(),
            Route("/v1/models", peer.models),
            Route("/v1/chat/completions", peer.chat, methods=["POST"]),
            Route("/health", peer.health),
        ]
    )
    with socket.create_server(("127.0.0.1", 0)) as listener:
        config = uvicorn.Config(app, ws="none", lifespan="off", log_config=None)
        server = _Server(config)
        thread = threading.Thread(target=server.run, args=([listener],), daemon=True)
        thread.start()
        assert server.ready.wait(20)
        peer.url = f"http://127.0.0.1:{listener.getsockname()[1]}"
        try:
            yield peer
        finally:
            server.should_exit = server.force_exit = True
            thread.join(20)
            assert not thread.is_alive(), "the peer did not stop"


class _Server(uvicorn.Server):
    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.ready = threading.Event()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.ready.set()
