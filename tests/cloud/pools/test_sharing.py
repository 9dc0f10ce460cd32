"""Shared pools: who shares what, and in which loop."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any

import pytest

from LLM.async_transport import AsyncTransport
from tests.cloud.pools.calls import GOOD, blocking, n_open, post, shared
from tests.remote.scripted_server import Request, ScriptedServer

pytestmark = pytest.mark.slow


def test_shared_async_transports_use_one_connection(server: ScriptedServer) -> None:
    async def main() -> None:
        for n in range(50):
            assert await post(shared(server, f"key-{n}")) == 200

    asyncio.run(main())
    assert (server.connections, len(server.requests)) == (1, 50)
    assert server.requests[7].headers["authorization"] == "Bearer key-7"


def test_private_async_transports_use_their_own(server: ScriptedServer) -> None:
    async def main() -> None:
        clients = [AsyncTransport(server.url, {}) for _ in range(3)]
        for client in clients * 2:
            await post(client)

    asyncio.run(main())
    assert server.connections == 3


def test_shared_blocking_transports_use_one_connection(server: ScriptedServer) -> None:
    for n in range(50):
        assert blocking(server, f"key-{n}").call("POST", "/x", b"{}", timeout_s=5).status == 200
    assert (server.connections, len(server.requests)) == (1, 50)
    assert server.requests[7].headers["authorization"] == "Bearer key-7"


def test_certificate_settings_part_pools(server: ScriptedServer) -> None:
    async def main() -> None:
        for verify in (True, False):
            await post(shared(server, verify=verify))

    asyncio.run(main())
    assert server.connections == 2


def test_concurrent_calls_are_not_throttled() -> None:
    barrier = threading.Barrier(100)

    def together(request: Request) -> Any:
        return [lambda connection: barrier.wait(10) and None, GOOD]

    async def main() -> list[int]:
        return await asyncio.gather(*[post(shared(server)) for _ in range(100)])

    with ScriptedServer((together,)) as server:
        assert asyncio.run(main()) == [200] * 100
        assert server.connections == 100


def test_a_transport_works_in_one_loop_after_another(server: ScriptedServer) -> None:
    clients = [shared(server), AsyncTransport(server.url, {})]
    for client in clients * 2:
        assert asyncio.run(post(client)) == 200
    assert server.connections == 4


def test_a_transport_works_after_its_loop_was_closed_without_ceremony(
    server: ScriptedServer,
) -> None:
    client = shared(server)
    for _ in range(3):
        loop = asyncio.new_event_loop()
        assert loop.run_until_complete(post(client)) == 200
        loop.close()
    gc.collect()
    assert n_open(server, 1), "each loop closes what the one before has left"
    assert asyncio.run(post(client)) == 200
    assert server.connections == 4
    assert n_open(server, 0)


def test_two_loops_in_two_threads_share_a_client_but_no_connection(server: ScriptedServer) -> None:
    client = shared(server)

    async def work() -> None:
        for _ in range(50):
            assert await post(client) == 200

    threads = [threading.Thread(target=lambda: asyncio.run(work())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(20)
    assert (server.connections, len(server.requests)) == (2, 100)
