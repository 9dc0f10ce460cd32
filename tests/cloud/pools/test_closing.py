"""Shared pools that are closed, and that nobody has to close them."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine
from typing import Any

import psutil
import pytest

from LLM import async_transport, transport
from LLM.async_transport import AsyncStreamedAnswer, AsyncTransport
from LLM.exceptions import LLMConfigError
from tests.cloud.pools.calls import GOOD, blocking, n_open, post, shared
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer, hang

pytestmark = pytest.mark.slow


def test_closed_pools_let_calls_in_flight_finish() -> None:
    go = threading.Event()
    slow = [lambda connection: go.wait(10) and None, GOOD]
    with ScriptedServer((slow, GOOD)) as server:

        async def main() -> None:
            client = shared(server)
            call = asyncio.create_task(post(client))
            while not server.requests:
                await asyncio.sleep(0.001)
            retired = weakref.ref(client._pool)
            await async_transport.close_shared_pools()
            assert await post(client) == 200, "a new pool is made"
            go.set()
            assert await call == 200
            assert await asyncio.to_thread(n_open, server, 1), "the old pool is closed"
            for _ in range(20):
                await asyncio.sleep(0.001)
                gc.collect()
                if retired() is None:
                    return
            raise AssertionError("the old pool is not forgotten")

        asyncio.run(main())
        assert server.connections == 2


def test_closed_pools_close_idle_connections(server: ScriptedServer) -> None:
    async def main() -> None:
        for _ in range(3):
            assert await post(shared(server)) == 200
            await async_transport.close_shared_pools()

    asyncio.run(main())
    assert server.connections == 3


def test_closed_blocking_pools_let_calls_in_flight_finish() -> None:
    go = threading.Event()
    slow = [lambda connection: go.wait(10) and None, GOOD]
    statuses = []
    with ScriptedServer((slow, GOOD)) as server:
        client = blocking(server)
        call = threading.Thread(
            target=lambda: statuses.append(client.call("POST", "/x", b"{}", timeout_s=9).status)
        )
        call.start()
        while not server.requests:
            go.wait(0.001)
        transport.close_shared_pools()
        assert blocking(server).call("POST", "/x", b"{}", timeout_s=5).status == 200
        go.set()
        call.join(10)
        assert (statuses, server.connections) == ([200], 2)


def test_closing_a_shared_transport_leaves_others_their_connections(server: ScriptedServer) -> None:
    async def main() -> None:
        for _ in range(3):
            client = shared(server)
            await post(client)
            await client.close()
            with pytest.raises(LLMConfigError, match="closed"):
                await post(client)

    asyncio.run(main())
    assert server.connections == 1


def test_a_thousand_clients_leave_nothing(server: ScriptedServer) -> None:
    process = psutil.Process()

    async def make(shared_: bool) -> None:
        for n in range(500):
            client = AsyncTransport(server.url, {"X-Key": str(n)}, shared=shared_)
            if n % 10 == 0:
                await post(client)
            del client

    async def main() -> None:
        await make(True)
        await make(False)
        await asyncio.sleep(0)
        n_fds = process.num_fds()
        for kind in (True, False):
            await make(kind)
        for _ in range(5):
            await asyncio.sleep(0.01)
        assert process.num_fds() <= n_fds
        assert len(asyncio.all_tasks()) == 1

    asyncio.run(main())


def test_many_origins_do_not_add_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(async_transport.pools, "MAX_SHARED_POOLS", 3)

    async def main() -> None:
        for server in servers:
            assert await post(shared(server)) == 200
        assert await post(shared(servers[0])) == 200

    servers = [ScriptedServer((GOOD,)) for _ in range(5)]
    try:
        asyncio.run(main())
        assert [server.connections for server in servers] == [2, 1, 1, 1, 1]
    finally:
        for server in servers:
            server.close()


QUIET = """
import asyncio, gc, sys
from LLM.async_transport import AsyncTransport
how, url = sys.argv[1:]
async def main():
    kept = []
    for shared in (True, False):
        client = AsyncTransport(url, {"A": "b"}, shared=shared)
        kept.append(client)
        await asyncio.gather(*[client.call("POST", "/x", b"{}", timeout_s=5) for _ in range(5)])
        stream = await client.stream("/stream", b"{}", timeout_s=5)
        await anext(stream.pieces())
        kept.append(stream)
    return kept
if how == "run":
    kept = asyncio.run(main())
elif how == "uvloop":
    import uvloop
    kept = uvloop.run(main())
elif how == "close":
    loop = asyncio.new_event_loop()
    kept = loop.run_until_complete(main())
    loop.close()
elif how == "cancel":
    async def cancelled():
        client = AsyncTransport(url, {})
        task = asyncio.create_task(client.call("POST", "/hang", b"{}", timeout_s=5))
        await asyncio.sleep(0.05)
        raise KeyError("the end")
    try:
        asyncio.run(cancelled())
    except KeyError:
        pass
elif how == "thread":
    import threading
    loop = asyncio.new_event_loop()
    threading.Thread(target=loop.run_forever, daemon=True).start()
    kept = asyncio.run_coroutine_threadsafe(main(), loop).result(10)
gc.collect()
print("done")
"""


def _by_path(request: Request) -> Any:
    if request.path == "/hang":
        return [hang]
    if request.path == "/stream":
        return [wire.UNTIL_CLOSE + b"data: 1\n\n", hang]
    return GOOD


@pytest.mark.parametrize("how", ["run", "uvloop", "close", "cancel", "thread"])
def test_a_script_that_closes_nothing_ends_in_silence(how: str) -> None:
    with ScriptedServer((_by_path,)) as server:
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", QUIET, how, server.url],
            capture_output=True, text=True, timeout=60, check=False,
        )  # fmt: skip
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")


def in_loop(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    return asyncio.run(work())


def test_a_stream_is_closed_with_its_pool(server: ScriptedServer) -> None:
    async def main() -> AsyncStreamedAnswer:
        stream = await shared(slow).stream("/x", b"{}", timeout_s=5)
        assert isinstance(stream, AsyncStreamedAnswer)
        return stream

    with ScriptedServer(([wire.UNTIL_CLOSE, hang],)) as slow:
        stream = in_loop(main)
    # After the end of its loop, closing is nothing.
    stream.close()
