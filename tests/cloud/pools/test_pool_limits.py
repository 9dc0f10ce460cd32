"""Shared pools: how many connections they make, and keep for how long."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import Any

import pytest

from LLM.exceptions import LLMConfigError, LLMTimeoutError
from LLM.pool_limits import PoolLimits, set_pool_limits
from tests.cloud.pools.calls import GOOD, blocking, post, shared
from tests.remote.scripted_server import Request, ScriptedServer, hang, wait

pytestmark = pytest.mark.slow


def test_max_connections_bounds_a_shared_pool() -> None:
    most = 0
    now = 0
    lock = threading.Lock()

    def counted(request: Request) -> Any:
        def count(by: int) -> Callable[[Any], None]:
            def step(connection: Any) -> None:
                nonlocal most, now
                with lock:
                    now += by
                    most = max(most, now)

            return step

        return [count(1), wait(0.01), count(-1), GOOD]

    async def main() -> None:
        await asyncio.gather(*[post(shared(server)) for _ in range(20)])

    set_pool_limits(PoolLimits(max_connections=3))
    with ScriptedServer((counted,)) as server:
        asyncio.run(main())
        assert (most, server.connections) == (3, 3)


def test_waiting_for_a_connection_ends_at_the_deadline() -> None:
    set_pool_limits(PoolLimits(max_connections=1))

    async def main() -> str | None:
        holder = asyncio.create_task(post(shared(server), 60.0))
        while not server.requests:
            await asyncio.sleep(0.001)
        with pytest.raises(LLMTimeoutError) as caught:
            await post(shared(server), 0.1)
        holder.cancel()
        await asyncio.wait([holder])
        return caught.value.deadline

    with ScriptedServer(([hang],)) as server:
        assert asyncio.run(main()) == "connect"


def test_max_idle_bounds_what_a_pool_keeps(server: ScriptedServer) -> None:
    async def burst() -> None:
        await asyncio.gather(*[post(shared(server)) for _ in range(10)])

    async def main() -> None:
        await burst()
        assert server.connections == 10
        await burst()

    set_pool_limits(PoolLimits(max_idle=4))
    asyncio.run(main())
    assert server.connections == 16


@pytest.mark.parametrize("world", ["async", "blocking"])
def test_keepalive_ends_an_idle_connection(server: ScriptedServer, world: str) -> None:
    set_pool_limits(PoolLimits(keepalive_s=0.01))
    pause = threading.Event()

    async def twice() -> None:
        for _ in range(2):
            await post(shared(server))
            pause.wait(0.02)

    if world == "async":
        asyncio.run(twice())
    else:
        for _ in range(2):
            blocking(server).call("POST", "/x", b"{}", timeout_s=5)
            pause.wait(0.02)
    assert server.connections == 2


@pytest.mark.parametrize(
    "settings",
    [{"max_connections": 0}, {"max_connections": 1.5}, {"max_connections": True}, {"max_idle": 0},
     {"max_idle": "9"}, {"keepalive_s": 0}, {"keepalive_s": float("nan")}, {"keepalive_s": None}],
    ids=str,
)  # fmt: skip
def test_limits_that_cannot_work_are_named(settings: dict[str, Any]) -> None:
    name = next(iter(settings))
    with pytest.raises(LLMConfigError, match=rf"PoolLimits\.{name} is .*; give a"):
        PoolLimits(**settings)


def test_only_limits_can_be_set() -> None:
    with pytest.raises(LLMConfigError, match="give a PoolLimits"):
        set_pool_limits(10)  # type: ignore[arg-type]  # the point of the test
