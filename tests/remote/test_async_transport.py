"""What only the transport for coroutines can get wrong: cancelling, loops, threads, the collector.

All that it has in common with the blocking one is tested on both, elsewhere in this folder.
"""

from __future__ import annotations

import asyncio
import fcntl
import gc
import socket
import struct
import termios
import threading
import traceback
from collections.abc import Callable, Coroutine, Iterator
from contextlib import ExitStack
from typing import Any

import psutil
import pytest

from LLM.async_transport import AsyncStreamedAnswer, AsyncTransport
from LLM.exceptions import LLMConfigError, LLMConnectionError, LLMError, LLMTimeoutError
from LLM.secrets import Secret
from tests.remote import wire
from tests.remote.scripted_server import MAX_WAIT_S, Script, ScriptedServer, hang, wait

pytestmark = pytest.mark.slow

GOOD = wire.answer(wire.CHAT)
KEY = "sk-SECRET0123456789"
HEADERS = {"Authorization": Secret(f"Bearer {KEY}")}
PROXIES = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"]


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    with ExitStack() as stack:

        def start(*scripts: Script, on_connect: Script = ()) -> ScriptedServer:
            return stack.enter_context(ScriptedServer(scripts, on_connect))

        yield start


def run(work: Callable[[AsyncTransport], Coroutine[Any, Any, Any]], url: str) -> Any:
    """What `work` gives, called with a transport for `url`."""

    async def main() -> Any:
        return await work(AsyncTransport(url, HEADERS))

    return asyncio.run(main())


async def post(client: AsyncTransport, timeout_s: float = 5.0, body: bytes = b"{}") -> Any:
    return await client.call("POST", "/x", body, timeout_s=timeout_s)


async def stream(client: AsyncTransport, timeout_s: float = 5.0) -> AsyncStreamedAnswer:
    answer = await client.stream("/x", b"{}", timeout_s=timeout_s)
    assert isinstance(answer, AsyncStreamedAnswer)
    return answer


def left(server: ScriptedServer) -> bool:
    """Whether all clients hang up before the server would."""
    pause = threading.Event()
    for _ in range(200):
        if not server._open:
            return True
        pause.wait(0.01)
    return False


def unread(sock: socket.socket) -> int:
    """Bytes that have come and that nobody has read."""
    (count,) = struct.unpack("i", fcntl.ioctl(sock, termios.FIONREAD, bytes(4)))
    return int(count)


async def until(holds: Callable[[], bool]) -> None:
    async with asyncio.timeout(30):
        while not holds():
            await asyncio.sleep(0.001)


async def wait_for_request(server: ScriptedServer) -> None:
    while not server.requests:
        await asyncio.sleep(0.001)


def test_cancelling_closes_the_connection_at_once(serve: Any) -> None:
    server = serve([hang])

    async def work(client: AsyncTransport) -> None:
        task = asyncio.create_task(post(client))
        await wait_for_request(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await asyncio.to_thread(left, server)
        assert len(asyncio.all_tasks()) == 1

    run(work, server.url)


def test_cancelling_closes_a_connection_that_takes_no_request(serve: Any) -> None:
    process = psutil.Process()
    server = serve(b"", on_connect=[wait(MAX_WAIT_S)])

    async def work(client: AsyncTransport) -> None:
        n_files = process.num_fds()
        task = asyncio.create_task(post(client, MAX_WAIT_S, b"x" * 20_000_000))
        await until(lambda: any(unread(sock) > 100_000 for sock in list(server._open)))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await until(lambda: process.num_fds() == n_files + 1)  # the server's end, and nothing else

    run(work, server.url)


def test_cancelling_shows_no_key(serve: Any) -> None:
    server = serve([hang])

    async def work(client: AsyncTransport) -> None:
        task = asyncio.create_task(post(client))
        await wait_for_request(server)
        task.cancel()
        with pytest.raises(asyncio.CancelledError) as caught:
            await task
        # The test's own frames hold the server, which knows the key.
        frames = [f for f, _ in traceback.walk_tb(caught.tb) if f.f_code.co_filename != __file__]
        assert "_exchange" in [frame.f_code.co_name for frame in frames]
        assert KEY not in repr([frame.f_locals for frame in frames])

    run(work, server.url)


def test_cancelling_one_reader_leaves_the_others(serve: Any) -> None:
    server = serve([hang], GOOD)

    async def work(client: AsyncTransport) -> None:
        task = asyncio.create_task(post(client))
        await wait_for_request(server)
        other = asyncio.create_task(post(client))
        task.cancel()
        assert (await other).status == 200

    run(work, server.url)


def test_outer_timeout_is_not_taken_for_ours(serve: Any) -> None:
    async def work(client: AsyncTransport) -> None:
        with pytest.raises(TimeoutError) as caught:
            async with asyncio.timeout(0.05):
                await post(client)
        assert not isinstance(caught.value, LLMError)

    run(work, serve([hang]).url)


@pytest.mark.parametrize("how", ["drop", "close", "cycle", "thread"])
def test_a_stream_that_is_left_closes_its_connection(serve: Any, how: str) -> None:
    server = serve([wire.UNTIL_CLOSE + b"data: 1\n\n", hang])

    async def work(client: AsyncTransport) -> None:
        answer = await stream(client)
        pieces = answer.pieces()
        await anext(pieces)
        if how == "close":
            answer.close()
            answer.close()
        elif how == "cycle":
            answer.itself = answer  # type: ignore[attr-defined]  # for the collector alone
        elif how == "thread":
            await asyncio.to_thread(answer.close)
        del answer, pieces
        if how == "cycle":
            await asyncio.to_thread(gc.collect)
        assert await asyncio.to_thread(left, server)

    run(work, server.url)


def test_a_stream_may_be_closed_after_its_loop_has_ended(serve: Any) -> None:
    async def work(client: AsyncTransport) -> AsyncStreamedAnswer:
        return await stream(client)

    answer = run(work, serve([wire.UNTIL_CLOSE, hang]).url)
    answer.close()


def test_a_stale_connection_is_replaced_in_a_running_loop(serve: Any) -> None:
    server = serve(GOOD)

    async def work(client: AsyncTransport) -> None:
        await post(client)
        server.drop_idle()
        # The loop is kept from seeing it.
        assert left(server)
        await post(client)

    run(work, server.url)
    assert (server.connections, len(server.requests)) == (2, 2)


def test_a_lost_get_is_not_sent_again(serve: Any) -> None:
    server = serve([lambda connection: connection.close()])

    async def work(client: AsyncTransport) -> None:
        with pytest.raises(LLMConnectionError) as caught:
            await client.call("GET", "/x", None, timeout_s=5)
        assert caught.value.code == "disconnected"

    run(work, server.url)
    assert len(server.requests) == 1


def test_a_tls_handshake_that_never_ends_is_no_connection(serve: Any) -> None:
    mute = serve(b"", on_connect=[wait(MAX_WAIT_S)])

    async def work(client: AsyncTransport) -> None:
        with pytest.raises(LLMTimeoutError) as caught:
            await post(client, 0.1)
        assert caught.value.deadline == "connect"
        assert "no connection to https://127.0.0.1" in str(caught.value)

    run(work, mute.url.replace("http://", "https://"))


def test_what_arrived_before_the_end_is_read_before_its_error(serve: Any) -> None:
    body = wire.head("Content-Length: 999") + b"data: 1\n\n"

    async def work(client: AsyncTransport) -> None:
        answer = await stream(client)
        # The end arrives before the first byte is read.
        assert await asyncio.to_thread(left, server)
        await asyncio.sleep(0.01)
        pieces = answer.pieces()
        assert await anext(pieces) == b"data: 1\n\n"
        with pytest.raises(LLMError, match="cut short"):
            await anext(pieces)

    server = serve([body, lambda connection: connection.close()])
    run(work, server.url)


def test_no_cookie_comes_back(serve: Any) -> None:
    server = serve(wire.answer(wire.CHAT, headers=[("Set-Cookie", "id=1; Path=/")]))

    async def work(client: AsyncTransport) -> None:
        await post(client)
        await post(client)

    run(work, server.url)
    assert ["cookie" in request.headers for request in server.requests] == [False, False]


def test_a_large_request_is_sent_without_a_warning(serve: Any) -> None:
    server = serve(GOOD)
    run(lambda client: post(client, body=b"x" * 3_000_000), server.url)
    assert len(server.bodies[0]) == 3_000_000


def test_nothing_printed_of_a_transport_shows_its_key() -> None:
    client = AsyncTransport("http://127.0.0.1:9", HEADERS)
    assert KEY not in repr(client) + repr(vars(client)) + repr(list(vars(client).values()))
    assert client.headers["Authorization"].endswith(KEY)


@pytest.mark.parametrize("scheme", ["socks4", "socks5", "socks5h"])
def test_a_socks_proxy_is_refused(monkeypatch: pytest.MonkeyPatch, scheme: str) -> None:
    for variable in PROXIES:
        monkeypatch.setenv(variable, f"{scheme}://user:pass@127.0.0.1:1")
    with pytest.raises(LLMConfigError, match="names a SOCKS proxy, which clients") as caught:
        AsyncTransport("http://api.example", {})
    assert "pass@" not in str(caught.value)


def test_a_refusal_of_the_proxy_hides_its_password(
    serve: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    proxy = serve(b"HTTP/1.1 407 Who\r\nContent-Length: 0\r\n\r\n")
    for variable in PROXIES:
        monkeypatch.setenv(variable, proxy.url.replace("://", "://user:secret-pw@"))

    async def work(client: AsyncTransport) -> None:
        with pytest.raises(LLMConnectionError, match="answers 407 to CONNECT") as caught:
            await post(client)
        assert "secret-pw" not in "".join(traceback.format_exception(caught.value))

    run(work, "https://api.example")
    assert "proxy-authorization" in proxy.requests[0].headers
    assert "authorization" not in proxy.requests[0].headers


@pytest.mark.parametrize(
    ("no_proxy", "excepted"),
    [("api.example", True), (".example", True), ("example", True), ("ample", False), ("*", True),
     ("other, api.example:80", True), ("10.0.0.0/8", False), ("", False)],
)  # fmt: skip
def test_no_proxy_names_whole_labels(
    monkeypatch: pytest.MonkeyPatch, no_proxy: str, excepted: bool
) -> None:
    for variable in PROXIES:
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", no_proxy)
    monkeypatch.delenv("NO_PROXY", raising=False)
    client = AsyncTransport("http://api.example:80", {})
    assert (client._proxy is None) == excepted


def test_no_proxy_may_name_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    for variable in PROXIES:
        monkeypatch.setenv(variable, "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "x, 10.0.0.0/8")
    assert AsyncTransport("http://10.1.2.3", {})._proxy is None
    assert AsyncTransport("http://11.1.2.3", {})._proxy is not None


def test_a_closed_transport_says_so() -> None:
    async def work(client: AsyncTransport) -> None:
        await client.close()
        await client.close()
        assert client.closed
        with pytest.raises(LLMConfigError, match="closed"):
            await post(client)

    run(work, "http://127.0.0.1:9")


def test_reset_drops_idle_connections_and_no_call(serve: Any) -> None:
    go = threading.Event()
    server = serve(GOOD, [lambda connection: go.wait(MAX_WAIT_S) and None, GOOD], GOOD)

    async def work(client: AsyncTransport) -> None:
        await post(client)
        call = asyncio.create_task(post(client))
        while len(server.requests) < 2:
            await asyncio.sleep(0.001)
        await client.reset()
        assert (await post(client)).status == 200
        go.set()
        assert (await call).status == 200

    run(work, server.url)
    assert server.connections == 2
