"""Rings whose providers are scripted servers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

from cloud import close_all_cloud_clients
from llmring import LLMRequest, LLMResponse, LLMRing, Message, StreamChunk
from tests.remote.scripted_server import ScriptedServer

T = TypeVar("T")
KEY = "sk-test-1234"


@asynccontextmanager
async def ring_at(server: ScriptedServer, provider: str, **settings: Any) -> AsyncIterator[LLMRing]:
    """A ring that asks `server` when it means `provider`."""
    async with LLMRing(**settings) as ring:
        ring.register_provider(provider, api_key=KEY, base_url=server.url)
        yield ring
    await close_all_cloud_clients()


def with_ring(
    server: ScriptedServer,
    provider: str,
    use: Callable[[LLMRing], Awaitable[T]],
    **settings: Any,
) -> T:
    """What `use` gives for such a ring."""

    async def run() -> T:
        async with ring_at(server, provider, **settings) as ring:
            return await use(ring)

    return asyncio.run(run())


def request(model: str, *messages: Message, **fields: Any) -> LLMRequest:
    """A request; by default it says hello."""
    said = messages or (Message(role="user", content="Hello!"),)
    return LLMRequest(model=model, messages=list(said), **fields)


def answer_to(server: ScriptedServer, asked: LLMRequest, **settings: Any) -> LLMResponse:
    """The answer of `server` to a request to ``provider:model``."""
    provider = str(asked.model).partition(":")[0]
    return with_ring(server, provider, lambda ring: ring.chat(asked), **settings)


def chunks_of(server: ScriptedServer, asked: LLMRequest, **settings: Any) -> list[StreamChunk]:
    """The chunks of the answer."""

    async def read(ring: LLMRing) -> list[StreamChunk]:
        return [chunk async for chunk in ring.chat_stream(asked)]

    return with_ring(server, str(asked.model).partition(":")[0], read, **settings)


def sent(server: ScriptedServer, number: int = -1) -> Any:
    """The body of a request that the server has got."""
    return json.loads(server.bodies[number])
