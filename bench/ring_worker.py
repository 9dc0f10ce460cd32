"""A process that calls `llmring`, whichever one its Python has. `ring.py` starts and commands it.

    python bench/ring_worker.py BASE_URL LOCKFILE [REGISTRY_URL]

Each line that it reads asks for a turn, ``WHAT TIMES IN_FLIGHT``; it answers by a line with the CPU
and the time that the turn took, in seconds.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

from llmring import LLMRequest, LLMRing, Message

KEY = "sk-bench"
MODEL = "gpt-4o"
MESSAGES = [
    {"role": "system", "content": "You are helpful."},
    {"role": "user", "content": "Hello!"},
]
#: Pieces of text that every stream brings.
N_CHUNKS = 1000

Turn = Callable[[], Awaitable[None]]


def ring_turns(ring: Any) -> dict[str, Turn]:
    """Calls by the ring, of a request that stands ready or of one made for each call."""

    def request() -> Any:
        messages = [Message(**message) for message in MESSAGES]
        return LLMRequest(model="fast", messages=messages, temperature=0.7)

    async def chat(asked: Any) -> None:
        response = await ring.chat(asked)
        assert response.content
        assert response.usage["cost"] > 0

    async def stream() -> None:
        n = 0
        async for _ in ring.chat_stream(ready):
            n += 1
        assert n >= N_CHUNKS

    ready = request()
    return {"chat": lambda: chat(ready), "new-chat": lambda: chat(request()), "stream": stream}


def client_turns(base_url: str) -> dict[str, Turn]:
    """The same calls by the client that our ring stands on; none where there is no such client."""
    try:
        from cloud.llm import AsyncOpenAICompatClient
    except ImportError:
        return {}
    client = AsyncOpenAICompatClient(api_key=KEY, base_url=base_url, model=MODEL)

    async def chat() -> None:
        assert (await client.chat(MESSAGES, temperature=0.7)).content

    async def stream() -> None:
        n = 0
        async for _ in client.events(MESSAGES, temperature=0.7):
            n += 1
        assert n >= N_CHUNKS

    return {"client-chat": chat, "client-stream": stream}


async def take(turn: Turn, times: int, in_flight: int) -> tuple[float, float]:
    """Make `times` calls, `in_flight` at once. :return: seconds of CPU, and seconds."""

    async def repeat() -> None:
        for _ in range(times // in_flight):
            await turn()

    gc.collect()
    wall, cpu = time.perf_counter(), time.process_time()
    await asyncio.gather(*(repeat() for _ in range(in_flight)))
    return time.process_time() - cpu, time.perf_counter() - wall


async def main(base_url: str, lockfile: str, registry_url: str | None = None) -> None:
    logging.lastResort = None
    async with LLMRing(lockfile_path=lockfile, registry_url=registry_url) as ring:
        turns = {**ring_turns(ring), **client_turns(base_url)}
        while line := await asyncio.to_thread(sys.stdin.readline):
            what, times, in_flight = line.split()
            print(*await take(turns[what], int(times), int(in_flight)), flush=True)


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
