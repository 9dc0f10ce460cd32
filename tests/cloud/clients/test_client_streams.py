"""Streams of the provider clients, the same for both twins."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import pytest

from cloud.llm import (
    AsyncOpenAICompatClient,
    Finish,
    LLMError,
    LLMResponseError,
    LLMTimeoutError,
    Start,
    TextDelta,
    UsageUpdate,
)
from tests.cloud.clients.twins import BUSY, CHAT, HELLO, STREAM, run
from tests.remote import wire
from tests.remote.scripted_server import hang, wait

pytestmark = pytest.mark.slow


def test_a_stream_is_tried_again_before_its_first_event_alone(make: Any, serve: Any) -> None:
    broken = wire.stream_answer(wire.event(wire.chunk("Hel")) + wire.event({"error": "no"}))
    server = serve(BUSY, broken, STREAM)
    client = make(server, max_retries=3)
    stream = client.twin.chat_stream(HELLO)
    with pytest.raises(LLMError, match="an error inside: no"):
        client.all(stream)
    assert stream.text == "Hel"
    assert len(server.requests) == 2


def test_a_stream_asks_when_it_is_first_asked(make: Any, serve: Any) -> None:
    server = serve(STREAM)
    client = make(server)
    stream = client.twin.events(HELLO)
    assert server.connections == 0
    client.first(stream, 1)
    assert len(server.requests) == 1


def test_events_tell_all_in_order(make: Any, serve: Any) -> None:
    client = make(serve(STREAM))
    events = client.all(client.twin.events(HELLO))
    assert [type(event) for event in events] == [Start, TextDelta, TextDelta, Finish, UsageUpdate]
    assert events[1:4] == [TextDelta("Hel"), TextDelta("lo!"), Finish("stop")]


def test_the_answer_of_a_stream_is_the_whole_one(make: Any, serve: Any) -> None:
    client = make(serve(STREAM, CHAT))
    streamed = client.done(client.twin.chat_stream(HELLO).response)
    whole = client.chat(HELLO)
    whole.raw = None
    assert streamed == whole


def test_text_streams_tell_text_usage_and_answer(make: Any, serve: Any) -> None:
    client = make(serve(STREAM))
    stream = client.twin.chat_stream(HELLO)
    assert client.first(stream, 1) == ["Hel"]
    assert (stream.text, stream.usage) == ("Hel", None)
    assert client.all(stream) == ["lo!"]
    assert (stream.text, stream.usage.total_tokens) == ("Hello!", 5)
    assert client.done(stream.response).finish_reason == "stop"
    assert "TextStream ended, 6 characters so far" in repr(stream)


def test_a_stream_left_early_ends_its_connection(make: Any, serve: Any) -> None:
    server = serve([wire.CHUNKED + wire.chunked([wire.CHAT_EVENTS[:400]])[:-5], hang])
    client = make(server)
    stream = client.twin.chat_stream(HELLO)
    assert client.first(stream, 1) == ["Hel"]
    client.close(stream)
    assert client.all(stream) == []
    assert client.done(stream.response).content == "Hel"
    server.scripts = (CHAT,)
    assert client.chat(HELLO).content == "Hello!"
    assert server.connections == 2


def test_a_stream_that_is_dropped_ends_its_connection(make: Any, serve: Any) -> None:
    server = serve([wire.CHUNKED + wire.chunked([wire.CHAT_EVENTS[:400]])[:-5], hang], CHAT)
    client = make(server)
    stream = client.twin.events(HELLO)
    assert len(client.first(stream, 2)) == 2
    del stream
    gc.collect()
    assert client.chat(HELLO).content == "Hello!"
    assert server.connections == 2


def test_a_closed_stream_that_never_began_has_no_answer(make: Any, serve: Any) -> None:
    server = serve(STREAM)
    client = make(server)
    stream = client.twin.chat_stream(HELLO)
    client.close(stream)
    with pytest.raises(LLMResponseError, match="closed before any of the answer"):
        client.done(stream.response)
    assert server.connections == 0


def test_a_stream_says_where_its_answer_is(make: Any, serve: Any) -> None:
    client = make(serve(STREAM))
    with pytest.raises(AttributeError, match=r"\.response"):
        client.twin.events(HELLO).message  # noqa: B018  # asking is the test


def test_the_gap_of_a_stream_has_the_timeout_of_its_call(make: Any, serve: Any) -> None:
    server = serve([wire.UNTIL_CLOSE + wire.event(wire.chunk("Hel")), wait(5.0)])
    client = make(server)
    stream = client.twin.chat_stream(HELLO, timeout=0.6)
    with pytest.raises(LLMTimeoutError) as caught:
        client.all(stream)
    assert caught.value.deadline == "between_chunks"
    assert stream.text == "Hel"


def test_leaving_a_block_early_ends_a_stream(serve: Any) -> None:
    server = serve(STREAM)

    async def leave() -> tuple[str, str]:
        async with AsyncOpenAICompatClient(base_url=server.url) as client:
            async with client.events(HELLO) as events:
                await anext(events)
                await anext(events)
            async with client.chat_stream(HELLO) as texts:
                first = await anext(texts)
            return events.text, first

    assert run(leave()) == ("Hel", "Hel")


def test_a_cancelled_stream_ends_its_connection(serve: Any) -> None:
    server = serve([wire.CHUNKED + wire.chunked([wire.CHAT_EVENTS[:400]])[:-5], hang], CHAT)

    async def cancel() -> tuple[str, str]:
        client = AsyncOpenAICompatClient(base_url=server.url)
        stream = client.chat_stream(HELLO)
        assert await anext(stream) == "Hel"
        task = asyncio.create_task(anext(stream))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return stream.text, (await client.chat(HELLO)).content

    assert run(cancel()) == ("Hel", "Hello!")
    assert server.connections == 2
