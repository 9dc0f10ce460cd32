"""`close_all_cloud_clients` ends what clients share, in both worlds, and loads neither."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Callable

import pytest

import cloud
from cloud.llm import AsyncOpenAICompatClient, LLMConfigError, OpenAICompatClient
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

MESSAGES = [{"role": "user", "content": "Hello?"}]


def until(condition: Callable[[], bool]) -> None:
    """Wait until another thread has brought something about, 2 seconds at most."""
    end = time.monotonic() + 2.0
    while not condition() and time.monotonic() < end:
        time.sleep(0.001)
    assert condition()


def test_async_connections_close_and_open_anew() -> None:
    async def main() -> None:
        first, second = (AsyncOpenAICompatClient(f"sk-key-{i}", base_url=server.url) for i in "12")
        await first.chat(MESSAGES)
        await second.chat(MESSAGES)
        assert server.connections == 1
        await cloud.close_all_cloud_clients()
        until(lambda: not server._open)
        await first.chat(MESSAGES)
        assert server.connections == 2

    with ScriptedServer((wire.answer(wire.CHAT),)) as server:
        asyncio.run(main())


def test_blocking_connections_close_and_open_anew() -> None:
    with ScriptedServer((wire.answer(wire.CHAT),)) as server:
        first, second = (OpenAICompatClient(f"sk-key-{i}", base_url=server.url) for i in "12")
        first.chat(MESSAGES)
        second.chat(MESSAGES)
        assert server.connections == 1
        asyncio.run(cloud.close_all_cloud_clients())
        until(lambda: not server._open)
        first.chat(MESSAGES)
        assert server.connections == 2


def test_closing_twice_does_nothing_more() -> None:
    async def main() -> None:
        await cloud.close_all_cloud_clients()
        await cloud.close_all_cloud_clients()

    asyncio.run(main())


@pytest.mark.parametrize("library", ["aiohttp", "requests", "pydantic"])
def test_closing_what_nobody_used_loads_nothing(library: str) -> None:
    code = (
        "import asyncio, sys; from cloud import close_all_cloud_clients, set_pool_limits; "
        f"asyncio.run(close_all_cloud_clients()); print({library!r} in sys.modules)"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "False"


def test_limits_are_checked() -> None:
    with pytest.raises(LLMConfigError, match="PoolLimits"):
        cloud.set_pool_limits({"max_connections": 3})  # type: ignore[arg-type]
