"""Fifty keys on one pool: answers belong to their keys, and no cookie goes to another key."""

from __future__ import annotations

import asyncio
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from cloud.llm import AsyncOpenAICompatClient, OpenAICompatClient
from LLM.transport import close_shared_pools
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer

pytestmark = pytest.mark.slow

KEYS = [f"sk-tenant-{n:02d}" for n in range(50)]
N_CALLS = 2500
MESSAGES = [{"role": "user", "content": "Who am I?"}]


def _echo(request: Request) -> bytes:
    """The caller's key and cookies, and a cookie that is the key."""
    key = request.headers["authorization"].removeprefix("Bearer ")
    said = f"{key}, {request.headers.get('cookie', 'no cookie')}"
    choice = {"index": 0, "message": {"role": "assistant", "content": said}}
    body: dict[str, Any] = {**wire.CHAT, "choices": [{**choice, "finish_reason": "stop"}]}
    return wire.answer(body, headers=[("Set-Cookie", f"session={key}; Path=/")])


@pytest.fixture
def server() -> Any:
    with ScriptedServer((_echo,), record=False) as one:
        yield one
    close_shared_pools()


def _settings(server: ScriptedServer) -> dict[str, Any]:
    return {"base_url": f"{server.url}/v1", "model": "tiny", "timeout": 30, "max_retries": 0}


def test_blocking_calls_of_many_tenants_are_not_mixed_up(server: ScriptedServer) -> None:
    clients = [OpenAICompatClient(api_key=key, **_settings(server)) for key in KEYS]

    def call(n: int) -> str:
        return str(clients[n % len(KEYS)].chat(MESSAGES).content)

    with ThreadPoolExecutor(16) as threads:
        said = list(threads.map(call, range(N_CALLS)))
    assert said == [f"{KEYS[n % len(KEYS)]}, no cookie" for n in range(N_CALLS)]
    assert server.connections <= 16


def test_async_calls_of_many_tenants_are_not_mixed_up(server: ScriptedServer) -> None:
    clients = [AsyncOpenAICompatClient(api_key=key, **_settings(server)) for key in KEYS]
    in_flight = 256

    async def worker(first: int) -> list[tuple[int, str]]:
        said = []
        for n in range(first, N_CALLS, in_flight):
            response = await clients[n % len(KEYS)].chat(MESSAGES)
            said.append((n, str(response.content)))
        return said

    async def main() -> dict[int, str]:
        workers = await asyncio.gather(*[worker(first) for first in range(in_flight)])
        return dict(pair for said in workers for pair in said)

    assert asyncio.run(main()) == {n: f"{KEYS[n % len(KEYS)]}, no cookie" for n in range(N_CALLS)}
    assert server.connections <= in_flight
