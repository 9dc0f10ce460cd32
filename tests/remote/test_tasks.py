"""What only coroutines have: cancelled tasks, many at once, several loops, dropped streams."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import json
import subprocess
import sys
import threading
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest

from LLM import (
    AsyncLLM,
    LLMConfig,
    LLMConfigError,
    LLMServerError,
    RateLimiter,
    UsageLimitError,
)
from tests.remote import wire
from tests.remote.conftest import MESSAGES
from tests.remote.scripted_server import Connection, Request, ScriptedServer

pytestmark = pytest.mark.slow

#: Tokens that a call of these tests may hold at once, and hardly more than one call does.
LIMIT = 100


def client(server: ScriptedServer, *, limiter: RateLimiter | None = None, **settings: Any) -> Any:
    config = LLMConfig(base_url=server.url, **{"timeout": 5.0, "max_retries": 0, **settings})
    return AsyncLLM(config, rate_limiter=limiter)


class Watched:
    """A step that says when it is reached, and when the client has left."""

    def __init__(self) -> None:
        self.reached = threading.Event()
        self.left = threading.Event()

    def __call__(self, connection: Connection) -> None:
        self.reached.set()
        with contextlib.suppress(OSError):
            while connection.sock.recv(65536):
                continue
        self.left.set()
        connection.close()


async def happens(event: threading.Event) -> bool:
    """Whether it happens while the loop runs on."""
    return await asyncio.to_thread(event.wait, 4.0)


async def cancelled(task: asyncio.Task[Any]) -> None:
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def read(llm: AsyncLLM) -> None:
    stream = await llm.chat_completion(MESSAGES, stream=True)
    async for _ in stream:
        continue


FIRST = wire.CHUNKED + b"%x\r\n%b\r\n" % (len(e := wire.event(wire.chunk("Hel"))), e)
IN_FLIGHT: dict[str, tuple[list[Any], Callable[[AsyncLLM], Awaitable[Any]]]] = {
    "call": ([], lambda llm: llm.chat_completion(MESSAGES)),
    "body": ([wire.answer(b"{", content_length="99")], lambda llm: llm.chat_completion(MESSAGES)),
    "stream": ([], read),
    "chunks": ([FIRST], read),
}


@pytest.mark.parametrize(("before", "call"), IN_FLIGHT.values(), ids=IN_FLIGHT)
def test_a_cancelled_call_gives_back_its_tokens_and_connection(serve, before, call):
    async def main() -> None:
        step = Watched()
        async with client(serve([*before, step]), max_total_tokens=LIMIT) as llm:
            task = asyncio.create_task(call(llm))
            assert await happens(step.reached)
            with pytest.raises(UsageLimitError):
                llm.usage.reserve(LIMIT)
            await cancelled(task)
            assert await happens(step.left)
            llm.usage.reserve(LIMIT - llm.usage.total.total_tokens)

    asyncio.run(main())


@pytest.fixture
def waiting(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep, which goes on until its task is cancelled."""
    slept: list[float] = []
    real_sleep = asyncio.sleep

    async def sleep(seconds: float) -> None:
        if threading.current_thread() is not threading.main_thread():
            # A server that other tests have left running turns its loop by sleeping.
            await real_sleep(seconds)
            return
        slept.append(seconds)
        await asyncio.get_running_loop().create_future()

    monkeypatch.setattr(asyncio, "sleep", sleep)
    return slept


async def until(waiting: list[float]) -> None:
    """Let the other tasks run until one of them waits."""
    for _ in range(400):
        if waiting:
            return
        await asyncio.to_thread(threading.Event().wait, 0.01)
    raise AssertionError("nobody waits")


def test_a_call_that_is_cancelled_between_tries_gives_back_its_tokens(serve, waiting):
    async def main() -> None:
        async with client(
            serve(wire.answer(b"", 500)), max_total_tokens=LIMIT, max_retries=1
        ) as llm:
            task = asyncio.create_task(llm.chat_completion(MESSAGES))
            await until(waiting)
            await cancelled(task)
            llm.usage.reserve(LIMIT)

    asyncio.run(main())
    assert waiting == [1.0]


def test_a_call_that_is_cancelled_before_its_turn_gives_the_turn_back(serve, waiting):
    async def main() -> None:
        limiter = RateLimiter(requests_per_minute=1, tokens_per_minute=LIMIT, clock=lambda: 0.0)
        server = serve(wire.answer(wire.CHAT))
        async with client(server, limiter=limiter, max_total_tokens=LIMIT) as llm:
            limiter.reserve(LIMIT)
            task = asyncio.create_task(llm.chat_completion(MESSAGES))
            await until(waiting)
            await cancelled(task)
            llm.usage.reserve(LIMIT)
        assert server.requests == []
        assert limiter.reserve(0) == 60.0, "the next one takes the place that was left"

    asyncio.run(main())
    assert waiting == [60.0]


def echo(request: Request) -> bytes:
    """Answer with the request's own text."""
    text = json.loads(request.body)["messages"][-1]["content"]
    choice = {"message": {"role": "assistant", "content": text}, "finish_reason": "stop"}
    return wire.answer({**wire.CHAT, "choices": [choice]})


async def ask(llm: AsyncLLM, text: str) -> str:
    return (await llm.chat_completion([{"role": "user", "content": text}])).text


def test_fifty_calls_at_once_get_their_own_answers(serve):
    server = serve(echo)
    texts = [f"number {n}" for n in range(50)]

    async def main() -> None:
        async with client(server) as llm:
            for _ in range(2):
                assert await asyncio.gather(*(ask(llm, text) for text in texts)) == texts
            assert llm.get_request_count() == llm.usage.total.calls == 100

    asyncio.run(main())
    assert server.connections < 100, "connections were used again"


def test_one_failing_call_of_many_hurts_no_other(serve):
    def script(request: Request) -> bytes:
        return wire.answer(b"", 500) if b"number 7" in request.body else echo(request)

    async def main() -> None:
        async with client(serve(script)) as llm:
            texts = [f"number {n}" for n in range(10)]
            results = await asyncio.gather(
                *(ask(llm, text) for text in texts), return_exceptions=True
            )
            assert isinstance(results.pop(7), LLMServerError)
            assert results == texts[:7] + texts[8:]

    asyncio.run(main())


def test_tasks_never_pass_the_token_limit_together(serve):
    async def main() -> None:
        async with client(serve(echo), max_total_tokens=200, max_tokens=50) as llm:
            results = await asyncio.gather(
                *(ask(llm, "x") for _ in range(20)), return_exceptions=True
            )
            answered = [text for text in results if text == "x"]
            assert 0 < len(answered) <= 3
            assert {type(r) for r in results if r != "x"} == {UsageLimitError}

    asyncio.run(main())


def test_a_client_works_in_one_loop_after_another(serve):
    server = serve(echo)
    llm = client(server)
    assert [asyncio.run(ask(llm, text)) for text in "abc"] == ["a", "b", "c"]
    asyncio.run(llm.close())
    assert server.connections == 3
    assert llm.get_request_count() == 3


def test_a_client_serves_two_loops_in_two_threads(serve):
    llm = client(serve(echo))
    barrier = threading.Barrier(2)

    async def many(name: str) -> list[str]:
        await asyncio.to_thread(barrier.wait, 4.0)
        return await asyncio.gather(*(ask(llm, f"{name} {n}") for n in range(20)))

    answers: dict[str, list[str]] = {}
    threads = [
        threading.Thread(target=lambda name=name: answers.update({name: asyncio.run(many(name))}))
        for name in "ab"
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == {name: [f"{name} {n}" for n in range(20)] for name in "ab"}
    asyncio.run(llm.close())


async def _drop_stream(llm: AsyncLLM) -> None:
    stream = await llm.chat_completion(MESSAGES, stream=True)
    assert (await anext(stream)).choices


async def _drop_text(llm: AsyncLLM) -> None:
    async for text in llm.stream_text("Hello?"):
        assert text == "Hel"
        break


async def _leave_block(llm: AsyncLLM) -> None:
    async with await llm.chat_completion(MESSAGES, stream=True) as stream:
        assert (await anext(stream)).choices


@pytest.fixture
def no_collector() -> Iterator[None]:
    """The last reference must do it, not the collector."""
    gc.disable()
    yield
    gc.enable()


@pytest.mark.parametrize(
    "leave", [_drop_stream, _drop_text, _leave_block], ids=lambda f: f.__name__.strip("_")
)
def test_a_stream_that_is_left_early_closes_its_connection(serve, no_collector, leave):
    async def main() -> None:
        step = Watched()
        async with client(serve([FIRST, step])) as llm:
            await leave(llm)
            assert llm.usage.total.estimated_calls == 1, "what arrived is counted"
            assert await happens(step.left)

    asyncio.run(main())


def test_text_is_not_asked_for_before_it_is_wanted(serve):
    server = serve(wire.stream_answer(wire.CHAT_EVENTS))

    async def main() -> None:
        async with client(server) as llm:
            pieces = llm.stream_text("Hello?")
            await pieces.aclose()
            assert [piece async for piece in pieces] == []
            assert server.requests == []
            assert [piece async for piece in llm.stream_text("Hello?")] == ["Hel", "lo!"]

    asyncio.run(main())


def test_a_closed_client_says_so_in_every_call(serve):
    async def main() -> None:
        llm = client(serve(echo))
        async with contextlib.aclosing(llm):
            assert await ask(llm, "x") == "x"
        with pytest.raises(LLMConfigError, match="closed"):
            await llm.list_models()
        with pytest.raises(LLMConfigError, match="closed"):
            await anext(llm.stream_text("Hello?"))

    asyncio.run(main())


SLOPPY_SCRIPT = """
import asyncio, sys
from LLM import AsyncLLM, LLMConfig

async def main():
    llm = AsyncLLM(LLMConfig(base_url=sys.argv[1], max_retries=0))
    messages = [{"role": "user", "content": "Hello?"}]
    kept = await llm.chat_completion(messages, stream=True)
    await anext(kept)
    async for _ in llm.stream_text("Hello?"):
        break
    pending = asyncio.create_task(llm.chat_completion(messages))
    await asyncio.sleep(0.05)
    return llm, kept

for _ in range(2):
    left = asyncio.run(main())
"""

HALF_READ_SCRIPT = """
import asyncio, sys
from LLM import LLM, AsyncLLM, LLMConfig

messages = [{"role": "user", "content": "Hello?"}]

async def half_read():
    stream = await llm.chat_completion(messages, stream=True)
    await anext(stream)
    return stream

llm = AsyncLLM(LLMConfig(base_url=sys.argv[1], max_retries=0))
stream = asyncio.run(half_read())
blocking = LLM(llm.config)
left = blocking.chat_completion(messages, stream=True)
next(left)
"""


@pytest.mark.parametrize("code", [SLOPPY_SCRIPT, HALF_READ_SCRIPT], ids=["async", "half-read"])
def test_a_program_that_closes_nothing_ends_without_a_word(serve, code):
    def script(request: Request) -> list[Any]:
        streamed = json.loads(request.body).get("stream")
        return [FIRST, Watched()] if streamed else [Watched()]

    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code, serve(script).url],
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")
