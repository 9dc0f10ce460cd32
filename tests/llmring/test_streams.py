"""Streams of a ring: read, left, closed, and read without an event loop."""

from __future__ import annotations

import asyncio
import contextlib
import gc
from collections.abc import Callable
from typing import Any

import pytest

from llmring import ChatStream
from llmring.exceptions import ConfigurationError, ProviderAnswerError
from tests.llmring.pools import MESSAGES, MODELS, Pool, cut, good, refusal
from tests.llmring.test_background import until
from tests.remote.scripted_server import hang

pytestmark = pytest.mark.slow


def never_ending(request: Any) -> list[Any]:
    return [*cut(after_text=True)(request)[:-1], hang]


def stream_of(pool: Pool, model: str = "pool") -> ChatStream:
    return pool.ring.chat_stream(model, messages=MESSAGES)


@pytest.mark.parametrize("model", MODELS)
def test_the_last_chunk_has_what_the_others_have_not(pool, model):
    *pieces, last = pool(good, good, good).chunks(model)
    assert [piece.delta for piece in pieces] == ["Hel", "lo!"]
    assert all(piece.finish_reason is piece.usage is None for piece in pieces)
    assert (last.delta, last.finish_reason, last.model) == ("", "stop", model)
    assert last.usage["total_tokens"] == 5
    assert "cost_status" in last.usage


def test_a_stream_may_be_awaited_before_it_is_read(pool):
    ring = pool(good)

    async def read() -> list[str]:
        return [chunk.content async for chunk in await stream_of(ring)]

    assert ring.run(read) == ["Hel", "lo!", ""]


def test_nothing_is_sent_before_a_stream_is_read(pool):
    ring = pool(good)
    stream = stream_of(ring)
    assert (repr(stream), stream.attempts) == ("<ChatStream: not begun>", [])
    assert ring.n_requests == [0]


async def _break(stream: ChatStream) -> None:
    async for _ in stream:
        break


async def _block(stream: ChatStream) -> None:
    async with stream:
        await anext(stream)


async def _exception(stream: ChatStream) -> None:
    with contextlib.suppress(KeyError):
        async with stream:
            await anext(stream)
            raise KeyError


async def _twice(stream: ChatStream) -> None:
    await anext(stream)
    await stream.aclose()
    await stream.aclose()


async def _timeout(stream: ChatStream) -> None:
    await anext(stream)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(anext(stream), 0.05)


LEAVES = [_break, _block, _exception, _twice, _timeout]


@pytest.mark.parametrize("leave", LEAVES, ids=lambda leave: leave.__name__.strip("_"))
def test_a_stream_that_is_left_ends_its_connection(pool, leave: Callable[..., Any]):
    ring = pool(never_ending)

    async def main() -> None:
        await leave(stream_of(ring))
        while ring.servers[0]._open:
            await asyncio.sleep(0.01)

    asyncio.run(asyncio.wait_for(main(), 5))


def test_a_stream_closed_unread_sends_nothing(pool):
    ring = pool(good)

    async def main() -> list[Any]:
        stream = stream_of(ring)
        await stream.aclose()
        return [chunk async for chunk in stream]

    assert (ring.run(main), ring.n_requests) == ([], [0])


def test_the_whole_answer_is_in_the_response(pool):
    ring = pool(good)

    async def main() -> Any:
        stream = stream_of(ring)
        first = await anext(stream)
        return first, await stream.response, await stream.response, repr(stream)

    first, response, again, shown = ring.run(main)
    assert (first.delta, response.content, response is again) == ("Hel", "Hello!", True)
    assert (response.attempts[0]["outcome"], shown) == ("answered", "<ChatStream: ended>")


def test_the_response_of_a_stream_that_was_left_is_what_arrived(pool):
    ring = pool(good)

    async def main() -> Any:
        async with stream_of(ring) as stream:
            await anext(stream)
        return await stream.response

    response = ring.run(main)
    assert (response.content, response.usage) == ("Hel", {})


def test_a_stream_that_told_nothing_has_no_response(pool):
    ring = pool(refusal(400))

    async def main() -> None:
        stream = stream_of(ring)
        with pytest.raises(Exception, match="400"):
            await anext(stream)
        with pytest.raises(ProviderAnswerError, match="before anything of its answer arrived"):
            await stream.response

    ring.run(main)


def test_without_a_loop_a_plain_for_reads_it(pool):
    stream = stream_of(pool(good))
    assert [chunk.delta for chunk in stream] == ["Hel", "lo!", ""]
    assert (stream.response.content, list(stream)) == ("Hello!", [])


def test_without_a_loop_the_response_alone_reads_it(pool):
    assert stream_of(pool(good)).response.content == "Hello!"


def test_leaving_a_plain_for_ends_the_connection(pool):
    ring = pool(never_ending)
    for chunk in stream_of(ring):
        assert chunk.delta == "Hel"
        break
    assert until(lambda: not ring.servers[0]._open)


def test_a_plain_for_in_a_loop_says_what_to_write(pool):
    ring = pool(good)

    async def main() -> None:
        with pytest.raises(ConfigurationError, match="write `async for"):
            list(stream_of(ring))

    ring.run(main)
    assert ring.n_requests == [0]


def test_a_plain_for_that_is_dropped_elsewhere_holds_nobody_up(pool):
    ring = pool(never_ending)

    async def main() -> None:
        # The garbage collector may find it in any thread, that of a loop too.
        nonlocal reader
        del reader
        gc.collect()

    reader = iter(stream_of(ring))
    next(reader)
    asyncio.run(asyncio.wait_for(main(), 5))
    assert until(lambda: not ring.servers[0]._open)


def test_an_error_ends_a_plain_for(pool):
    deltas = []
    with pytest.raises(ProviderAnswerError):
        deltas.extend(chunk.delta for chunk in stream_of(pool(cut(after_text=True))))
    assert deltas == ["Hel"]
