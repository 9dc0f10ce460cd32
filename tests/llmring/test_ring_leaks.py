"""Many calls and abandoned streams of one ring leave memory and sockets where they were."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import Awaitable, Callable

import psutil
import pytest

from cloud import close_all_cloud_clients
from llmring import ChatStream, LLMRequest, LLMRing, Message
from llmring.exceptions import LLMRingError
from tests.llmring.pools import good, refusal
from tests.remote import wire
from tests.remote.scripted_server import Script, ScriptedServer

pytestmark = [pytest.mark.slow, pytest.mark.measured]

PROCESS = psutil.Process()
TOLERANCE_BYTES = 4 * 1024 * 1024
REQUEST = LLMRequest(model="openai:gpt-x", messages=[Message(role="user", content="Hello?")])


async def _settle() -> None:
    """Let the loop, and the server's threads, close what is due."""
    for _ in range(2):  # generators that the collector finds are closed by the loop, and then gone
        for _ in range(10):
            await asyncio.sleep(0.005)
        gc.collect()


def assert_nothing_grows(
    script: Script, work: Callable[[LLMRing], Awaitable[None]], times: int
) -> None:
    """What leaks grows every time; what a heap trimmed before grows back grows once."""

    async def main() -> None:
        ring = LLMRing()
        ring.register_provider("openai", api_key="sk-1", base_url=server.url)

        async def rounds(n: int) -> tuple[int, int, int]:
            for _ in range(n):
                await work(ring)
            await ring._logs.flush()
            await _settle()
            return PROCESS.memory_info().rss, PROCESS.num_fds(), len(gc.get_objects())

        _, fds, objects = await rounds(100)
        growths = []
        while len(growths) < 3:
            before = PROCESS.memory_info().rss
            rss, fds_after, objects_after = await rounds(times)
            growths.append(rss - before)
            if growths[-1] < TOLERANCE_BYTES:
                break
        assert min(growths) < TOLERANCE_BYTES, growths
        assert fds_after <= fds + 4
        assert objects_after - objects < times
        await ring.close()
        await close_all_cloud_clients()

    with ScriptedServer((script,), record=False) as server:
        asyncio.run(main())


async def _answered(ring: LLMRing) -> None:
    await ring.chat(REQUEST)


async def _refused(ring: LLMRing) -> None:
    with pytest.raises(LLMRingError):
        await ring.chat(REQUEST)


async def _read(ring: LLMRing) -> None:
    assert await ring.chat_stream(REQUEST).response


async def _begun(ring: LLMRing) -> ChatStream:
    stream = ring.chat_stream(REQUEST)
    await anext(stream)
    return stream


async def _dropped(ring: LLMRing) -> None:
    await _begun(ring)


async def _closed(ring: LLMRing) -> None:
    await (await _begun(ring)).aclose()


async def _cancelled(ring: LLMRing) -> None:
    task = asyncio.create_task(_read(ring))
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.wait([task])


def long_stream(request: object) -> bytes:
    return wire.CHUNKED + wire.chunked([wire.event(wire.chunk("x" * 1000))] * 300)


@pytest.mark.parametrize(
    ("script", "work", "times"),
    [
        (good, _answered, 1500),
        (good, _read, 400),
        (refusal(400), _refused, 400),
        (long_stream, _dropped, 400),
        (long_stream, _closed, 400),
        (good, _cancelled, 400),
    ],
    ids=["answered", "read", "refused", "dropped", "closed", "cancelled"],
)
def test_nothing_is_left_of_calls(script, work, times, caplog):
    # pytest keeps what is logged, which grows.
    caplog.set_level(logging.CRITICAL, "LLM")
    caplog.set_level(logging.CRITICAL, "llmring")
    assert_nothing_grows(script, work, times)
