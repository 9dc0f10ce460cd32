"""Layers between the transports and the network: their order, and answers in its place."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from LLM import LLM, AsyncLLM, LLMConfig, wire
from LLM.answer import Answer
from LLM.wire import WireRequest

HELLO = [{"role": "user", "content": "Hello!"}]
BODY = b'{"id": "1", "model": "m", "choices": [{"index": 0, "message": {"content": "Hi!"}}]}'
EVENTS = (
    b'data: {"choices": [{"index": 0, "delta": {"content": "Hi!"}, "finish_reason": "stop"}]}\n\n'
    b"data: [DONE]\n\n"
)


class Played:
    """A streamed answer from memory, for either world."""

    status, headers = 200, {"content-type": "text/event-stream"}

    def progress(self) -> None:
        self.closed = False

    def pieces(self) -> Any:
        return AsyncPieces() if self.is_async else iter([EVENTS])

    def __init__(self, is_async: bool) -> None:
        self.is_async = is_async

    def drain(self, pieces: Any) -> Any:
        return asyncio.sleep(0) if self.is_async else None

    def close(self) -> None:
        self.closed = True


class AsyncPieces:
    def __init__(self) -> None:
        self.left = [EVENTS]

    def __aiter__(self) -> AsyncPieces:
        return self

    async def __anext__(self) -> bytes:
        if not self.left:
            raise StopAsyncIteration
        return self.left.pop()


class Witness:
    """Notes what passes; the one that answers does not ask the network."""

    def __init__(self, name: str, seen: list[str], *, answers: bool = False) -> None:
        self.name, self.seen, self.answers = name, seen, answers

    def call(self, request: WireRequest, send: Callable[[], Answer]) -> Answer:
        self.seen.append(f"{self.name} {request.method} {request.url}")
        return Answer(200, {}, BODY) if self.answers else send()

    def stream(self, request: WireRequest, send: Callable[[], Any]) -> Any:
        self.seen.append(f"{self.name} {request.method} {request.url}")
        return Played(is_async=False) if self.answers else send()

    async def call_async(self, request: WireRequest, send: Callable[[], Awaitable[Any]]) -> Any:
        return self.call(request, lambda: None) if self.answers else await self._on(request, send)

    async def stream_async(self, request: WireRequest, send: Callable[[], Awaitable[Any]]) -> Any:
        self.seen.append(f"{self.name} {request.method} {request.url}")
        return Played(is_async=True) if self.answers else await send()

    async def _on(self, request: WireRequest, send: Callable[[], Awaitable[Any]]) -> Any:
        self.seen.append(f"{self.name} {request.method} {request.url}")
        return await send()


@pytest.fixture
def seen() -> Iterator[list[str]]:
    """What the layers saw: `inner` answers, `outer` was put around it later."""
    seen: list[str] = []
    layers = [Witness("inner", seen, answers=True), Witness("outer", seen)]
    wire.add_layer(layers[0])
    wire.add_layer(layers[1], outermost=True)
    yield seen
    for layer in layers:
        wire.remove_layer(layer)
    assert wire.layers() == ()


CONFIG = LLMConfig(base_url="http://127.0.0.1:1")
BOTH = [f"{name} POST http://127.0.0.1:1/v1/chat/completions" for name in ("outer", "inner")]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_request_passes_the_layers_from_the_outside(seen: list[str], stream: bool) -> None:
    with LLM(CONFIG) as llm:
        answer = llm.chat_completion(HELLO, stream=stream)
        text = "".join(answer.iter_text()) if stream else answer.text
    assert (text, seen) == ("Hi!", BOTH)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_coroutines_request_passes_them_too(seen: list[str], stream: bool) -> None:
    async def ask() -> str:
        async with AsyncLLM(CONFIG) as llm:
            answer = await llm.chat_completion(HELLO, stream=stream)
            if not stream:
                return str(answer.text)
            return "".join([piece async for piece in answer.iter_text()])

    assert (asyncio.run(ask()), seen) == ("Hi!", BOTH)


def test_a_closed_client_asks_no_layer(seen: list[str]) -> None:
    llm = LLM(CONFIG)
    llm.close()
    with pytest.raises(ValueError, match="this client is closed"):
        llm.chat_completion(HELLO)
    assert seen == []


def test_headers_and_bodies_do_not_print() -> None:
    request = WireRequest("POST", "http://x", {"Authorization": "Bearer k"}, b"prompt", 1.0)
    assert repr(request) == "WireRequest(method='POST', url='http://x', timeout_s=1.0)"
