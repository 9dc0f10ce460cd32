"""A provider's stream, as events or as text; blocking ones and their twins for coroutines.

A stream sends its request when it is first asked for something, so that making one costs nothing.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Iterator
from typing import Self

from cloud.llm.events import StreamEvent, TextDelta
from cloud.llm.types import ChatResponse
from LLM.async_streaming import AsyncStream
from LLM.streaming import Stream
from LLM.types import Usage


class EventStream(Stream[StreamEvent, ChatResponse]):
    """The events of one answer, as they arrive.

    Iterate it, in a ``with`` block if you may leave early. `response` reads the rest and gives the
    answer that they add up to. Not for several threads at once.
    """


class AsyncEventStream(AsyncStream[StreamEvent, ChatResponse]):
    """The events of one answer, as they arrive.

    Iterate it, in an ``async with`` block if you may leave early. ``await stream.response`` reads
    the rest and gives the answer that they add up to. Not for several tasks at once.
    """


class TextStream:
    """The pieces of an answer's text, as they arrive; never an empty one.

    :param events: the stream whose text is wanted.
    """

    def __init__(self, events: EventStream) -> None:
        self._events = events

    def __repr__(self) -> str:
        return repr(self._events).replace("EventStream", "TextStream", 1)

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        for event in self._events:
            if isinstance(event, TextDelta):
                return event.text
        raise StopIteration

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        self._events.__exit__(kind, *exc_info)

    def close(self) -> None:
        """Stop the stream and free what is behind it. Safe to call again, and after the end."""
        self._events.close()

    @property
    def text(self) -> str:
        """The text so far."""
        return self._events.text

    @property
    def usage(self) -> Usage | None:
        """Token counts, once the provider has sent them."""
        return self._events.usage

    @property
    def response(self) -> ChatResponse:
        """The answer, with tool calls and usage; reads the rest of the stream first.

        :raises LLMResponseError: the stream was closed before anything had arrived.
        """
        return self._events.response


class AsyncTextStream:
    """The pieces of an answer's text, as they arrive; never an empty one.

    :param events: the stream whose text is wanted.
    """

    def __init__(self, events: AsyncEventStream) -> None:
        self._events = events

    def __repr__(self) -> str:
        return repr(self._events).replace("EventStream", "TextStream", 1)

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        async for event in self._events:
            if isinstance(event, TextDelta):
                return event.text
        raise StopAsyncIteration

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        await self._events.__aexit__(kind, *exc_info)

    async def aclose(self) -> None:
        """Stop the stream and free what is behind it. Safe to call again, and after the end."""
        await self._events.aclose()

    @property
    def text(self) -> str:
        """The text so far."""
        return self._events.text

    @property
    def usage(self) -> Usage | None:
        """Token counts, once the provider has sent them."""
        return self._events.usage

    @property
    def response(self) -> Awaitable[ChatResponse]:
        """The answer, to be awaited, with tool calls and usage; reads the rest first.

        :raises LLMResponseError: the stream was closed before anything had arrived.
        """
        return self._events.response
