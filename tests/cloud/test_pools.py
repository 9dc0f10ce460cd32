"""Shared pools: who shares what, in which loop, for how long, and that nobody has to close them."""

from __future__ import annotations

import asyncio
import gc
import subprocess
import sys
import threading
import weakref
from collections.abc import Callable, Coroutine, Iterator
from typing import Any

import psutil
import pytest

from LLM import async_transport, transport
from LLM.async_transport import AsyncStreamedAnswer, AsyncTransport
from LLM.exceptions import LLMConfigError
from LLM.pool_limits import PoolLimits, set_pool_limits
from LLM.transport import Transport
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer, hang, wait

pytestmark = pytest.mark.slow

GOOD = wire.answer(wire.CHAT)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer((GOOD,)) as one:
        yield one


@pytest.fixture(autouse=True)
def usual_limits() -> Iterator[None]:
    yield
    set_pool_limits(PoolLimits())
    transport.close_shared_pools()


def shared(server: ScriptedServer, key: str = "a", **settings: Any) -> AsyncTransport:
    headers = {"Authorization": f"Bearer {key}"}
    return AsyncTransport(server.url, headers, shared=True, **settings)


def blocking(server: ScriptedServer, key: str = "a") -> Transport:
    return Transport(server.url, {"Authorization": f"Bearer {key}"}, shared=True)


def n_open(server: ScriptedServer, count: int) -> bool:
    """Whether the server comes to have `count` open connections."""
    pause = threading.Event()
    for _ in range(100):
        if len(server._open) == count:
            return True
        pause.wait(0.01)
    return False


async def post(client: AsyncTransport, timeout_s: float = 5.0) -> int:
    return (await client.call("POST", "/x", b"{}", timeout_s=timeout_s)).status


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

    async def main() -> list[Any]:
        calls = [post(shared(server), 0.1) for _ in range(2)]
        return await asyncio.gather(*calls, return_exceptions=True)

    with ScriptedServer(([hang],)) as server:
        errors = asyncio.run(main())
    assert [error.deadline for error in errors] == ["first_byte", "connect"]


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
