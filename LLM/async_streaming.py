"""Streams for coroutines: the twin of `LLM.streaming`, name by name.

What reads the rest of the stream is awaited: ``await stream.response``.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any, Self, TypeVar

from LLM.assembly import ChatAssembler, CompletionAssembler
from LLM.streaming import Assembler, BaseStream
from LLM.types import (
    ChatCompletionChunk,
    ChatCompletionResponse,
    CompletionChunk,
    CompletionResponse,
    ToolCall,
)

ChunkT = TypeVar("ChunkT")
ResponseT = TypeVar("ResponseT")


class AsyncStream(BaseStream[ChunkT, ResponseT]):
    """Chunks of one answer, as they arrive. Not for several tasks at once.

    Iterate it, in an ``async with`` block if you may leave early: `aclose` (or the end of the
    block, dropping the stream, or cancelling the task that waits for it) ends the work behind it.

    :param chunks: the chunks; raises the call's errors.
    :param close: ends the work behind the chunks; called once, whether or not they ran out.
    :param assembler: adds the chunks up.
    :param finish: called with the complete answer when the chunks have run out, or when the stream
        is closed after every choice had its finish reason.
    """

    _RESPONSE = "await .response"

    def __init__(
        self,
        chunks: AsyncIterator[ChunkT],
        close: Callable[[], None],
        assembler: Assembler[ChunkT, ResponseT],
        finish: Callable[[ResponseT], Awaitable[None]] | None = None,
    ) -> None:
        super().__init__(close, assembler)
        self._chunks: AsyncIterator[ChunkT] | None = chunks
        self._finish = finish

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChunkT:
        if self._chunks is None:
            raise StopAsyncIteration
        try:
            chunk = await anext(self._chunks)
            self._assembler.add(chunk)
            return chunk
        except StopAsyncIteration:
            await self._end()
            raise
        except BaseException:
            self.stop()
            raise

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        if kind is None:
            await self.aclose()
        else:
            self.stop()

    async def aclose(self) -> None:
        """Stop the stream and free what is behind it. Safe to call again, and after the end."""
        # Many leave at the finish reason, which is one chunk or none before the end.
        if self._assembler.finished:
            await self._end()
        else:
            self.stop()

    @property
    def response(self) -> Awaitable[ResponseT]:
        """The assembled answer, to be awaited; reads the rest of the stream first.

        After an early `aclose`, it is what had arrived.

        :raises LLMResponseError: the stream was closed before anything had arrived.
        """
        return self._response()

    async def _response(self) -> ResponseT:
        async for _ in self:
            continue
        return self._arrived()

    def _let_go(self) -> None:
        self._chunks = None
        self._finish = None

    async def _end(self) -> None:
        """The answer is complete: free what is behind it and hand it over, once."""
        finish, self._finish = self._finish, None
        self.stop()
        if finish and self._final is None:
            self._final = self._assembler.response()
            if self._final is not None:
                await finish(self._final)


class AsyncChatStream(AsyncStream[ChatCompletionChunk, ChatCompletionResponse]):
    """A streamed chat completion."""

    def __init__(
        self,
        chunks: AsyncIterator[ChatCompletionChunk],
        close: Callable[[], None],
        finish: Callable[[ChatCompletionResponse], Awaitable[None]] | None = None,
        assembler: ChatAssembler | None = None,
    ) -> None:
        self._chat = assembler or ChatAssembler()
        super().__init__(chunks, close, self._chat, finish)

    async def iter_text(self) -> AsyncIterator[str]:
        """The pieces of text of the first choice, empty ones left out."""
        async for chunk in self:
            for choice in chunk.choices:
                if choice.index == 0 and choice.delta.content:
                    yield choice.delta.content

    @property
    def overflow(self) -> Any:
        """An `Overflow`: what was dropped from the messages; None when nothing was.

        What the client dropped is known at once, what a server did when its first chunk is here.
        """
        return self._chat.overflow

    @property
    def tool_calls(self) -> Awaitable[list[ToolCall]]:
        """Tool calls of the first choice, to be awaited; reads the rest of the stream first."""
        return self._tool_calls()

    async def _tool_calls(self) -> list[ToolCall]:
        return (await self._response()).choices[0].message.tool_calls or []


class AsyncCompletionStream(AsyncStream[CompletionChunk, CompletionResponse]):
    """A streamed text completion."""

    def __init__(
        self,
        chunks: AsyncIterator[CompletionChunk],
        close: Callable[[], None],
        finish: Callable[[CompletionResponse], Awaitable[None]] | None = None,
        assembler: CompletionAssembler | None = None,
    ) -> None:
        super().__init__(chunks, close, assembler or CompletionAssembler(), finish)

    async def iter_text(self) -> AsyncIterator[str]:
        """The pieces of text of the first choice, empty ones left out."""
        async for chunk in self:
            for choice in chunk.choices:
                if choice.index == 0 and choice.text:
                    yield choice.text


class AsyncTextPieces:
    """The text of one answer as it arrives, never an empty piece.

    The call is made when the first piece is asked for. Dropping the iterator ends the request at
    once, which an asynchronous generator would leave to a later turn of the loop.

    :param begin: makes the call.
    """

    def __init__(self, begin: Callable[[], Awaitable[AsyncChatStream]]) -> None:
        self._begin: Callable[[], Awaitable[AsyncChatStream]] | None = begin
        self._stream: AsyncChatStream | None = None

    def __aiter__(self) -> AsyncIterator[str]:
        return self

    async def __anext__(self) -> str:
        begin, self._begin = self._begin, None
        if begin is not None:
            self._stream = await begin()
        if self._stream is not None:
            async for chunk in self._stream:
                for choice in chunk.choices:
                    if choice.index == 0 and choice.delta.content:
                        return choice.delta.content
        raise StopAsyncIteration

    async def aclose(self) -> None:
        """End the request. Safe to call again, and after the end."""
        self._begin = None
        if self._stream is not None:
            await self._stream.aclose()
