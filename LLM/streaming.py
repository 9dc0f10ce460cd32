"""Streams: an iterator of chunks that is also a context manager and assembles the answer.

The same class serves remote and local calls: it is handed the chunks and the way to stop them.
"""

from __future__ import annotations

import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, Generic, NoReturn, Protocol, Self, TypeVar

from LLM.assembly import ChatAssembler, CompletionAssembler
from LLM.exceptions import LLMResponseError
from LLM.telemetry.dropped import collecting
from LLM.types import (
    ChatCompletionChunk,
    ChatCompletionResponse,
    CompletionChunk,
    CompletionResponse,
    ToolCall,
    Usage,
)

ChunkT = TypeVar("ChunkT")
ResponseT = TypeVar("ResponseT")
_AddedT = TypeVar("_AddedT", contravariant=True)
_WholeT = TypeVar("_WholeT", covariant=True)


class Assembler(Protocol[_AddedT, _WholeT]):
    """Adds chunks up to an answer."""

    usage: Usage | None

    @property
    def finished(self) -> bool:
        """Whether every choice that has begun has its finish reason."""
        ...

    @property
    def text(self) -> str:
        """Text of the first choice so far."""
        ...

    def add(self, chunk: _AddedT, /) -> None:
        """Take the next chunk."""
        ...

    def response(self) -> _WholeT | None:
        """The answer as far as it has arrived; None when nothing has."""
        ...


class BaseStream(ABC, Generic[ChunkT, ResponseT]):
    """What blocking and asynchronous streams have in common: the answer so far, and the end.

    :param close: ends the work behind the chunks; called once, whether or not they ran out.
    :param assembler: adds the chunks up.
    """

    #: Where the answer is to be had, for those who look for it in the stream.
    _RESPONSE = ".response"

    def __init__(self, close: Callable[[], None], assembler: Assembler[ChunkT, ResponseT]) -> None:
        self._close: Callable[[], None] | None = close
        self._assembler = assembler
        self._final: ResponseT | None = None

    def __repr__(self) -> str:
        state = "ended" if self._close is None else "open"
        return f"<{type(self).__name__} {state}, {len(self.text)} characters so far>"

    if not TYPE_CHECKING:  # a type checker would take any name for an attribute

        def __getattr__(self, name: str) -> NoReturn:
            sought = name in ("choices", "id", "model", "message")
            hint = f"; it is in {self._RESPONSE}" if sought else ""
            raise AttributeError(f"{type(self).__name__} has no attribute {name!r}{hint}")

    def __del__(self) -> None:
        # When the interpreter ends, nothing is there any more to count with; the sockets close.
        if not sys.is_finalizing():
            with collecting:
                self.stop()

    @property
    def text(self) -> str:
        """Text of the first choice that has arrived so far."""
        return self._assembler.text

    @property
    def usage(self) -> Usage | None:
        """Token counts, once the server has sent them (with the last chunk, if at all)."""
        return self._assembler.usage

    def stop(self) -> None:
        """Free what is behind the chunks at once, without a hand-over of the answer. Repeatable."""
        close, self._close = getattr(self, "_close", None), None
        if close:
            self._let_go()
            close()

    @abstractmethod
    def _let_go(self) -> None:
        """Forget the chunks to come, and who waits for the answer."""

    def _arrived(self) -> ResponseT:
        """The answer as far as it has arrived.

        :raises LLMResponseError: nothing has.
        """
        response = self._final or self._assembler.response()
        if response is None:
            raise LLMResponseError("the stream was closed before any of the answer had arrived")
        return response


class Stream(BaseStream[ChunkT, ResponseT]):
    """Chunks of one answer, as they arrive. Not for several threads at once.

    Iterate it, in a ``with`` block if you may leave early: `close` (or the end of the block, or
    dropping the stream) ends the work behind it at once.

    :param chunks: the chunks; raises the call's errors.
    :param close: ends the work behind the chunks; called once, whether or not they ran out.
    :param assembler: adds the chunks up.
    :param finish: called with the complete answer when the chunks have run out, or when the stream
        is closed after every choice had its finish reason.
    """

    def __init__(
        self,
        chunks: Iterator[ChunkT],
        close: Callable[[], None],
        assembler: Assembler[ChunkT, ResponseT],
        finish: Callable[[ResponseT], None] | None = None,
    ) -> None:
        super().__init__(close, assembler)
        self._chunks = chunks
        self._finish = finish
        self._add = assembler.add

    def __iter__(self) -> Iterator[ChunkT]:
        return self

    def __next__(self) -> ChunkT:
        try:
            chunk = next(self._chunks)
            self._add(chunk)
            return chunk
        except StopIteration:
            self._end()
            raise
        except BaseException:
            self.stop()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *exc_info: object) -> None:
        if kind is None:
            self.close()
        else:
            self.stop()

    def close(self) -> None:
        """Stop the stream and free what is behind it. Safe to call again, and after the end."""
        # Many leave at the finish reason, which is one chunk or none before the end.
        if self._assembler.finished:
            self._end()
        else:
            self.stop()

    @property
    def response(self) -> ResponseT:
        """The assembled answer; reads the rest of the stream first.

        After an early `close`, it is what had arrived.

        :raises LLMResponseError: the stream was closed before anything had arrived.
        """
        for _ in self:
            continue
        return self._arrived()

    def _let_go(self) -> None:
        self._chunks = iter(())
        self._finish = None

    def _end(self) -> None:
        """The answer is complete: free what is behind it and hand it over, once."""
        finish, self._finish = self._finish, None
        self.stop()
        if finish and self._final is None:
            self._final = self._assembler.response()
            if self._final is not None:
                finish(self._final)


class ChatStream(Stream[ChatCompletionChunk, ChatCompletionResponse]):
    """A streamed chat completion."""

    def __init__(
        self,
        chunks: Iterator[ChatCompletionChunk],
        close: Callable[[], None],
        finish: Callable[[ChatCompletionResponse], None] | None = None,
        assembler: ChatAssembler | None = None,
    ) -> None:
        self._chat = assembler or ChatAssembler()
        super().__init__(chunks, close, self._chat, finish)

    def iter_text(self) -> Iterator[str]:
        """The pieces of text of the first choice, empty ones left out."""
        for chunk in self:
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
    def tool_calls(self) -> list[ToolCall]:
        """Tool calls of the first choice; reads the rest of the stream first."""
        return self.response.choices[0].message.tool_calls or []


class CompletionStream(Stream[CompletionChunk, CompletionResponse]):
    """A streamed text completion."""

    def __init__(
        self,
        chunks: Iterator[CompletionChunk],
        close: Callable[[], None],
        finish: Callable[[CompletionResponse], None] | None = None,
        assembler: CompletionAssembler | None = None,
    ) -> None:
        super().__init__(chunks, close, assembler or CompletionAssembler(), finish)

    def iter_text(self) -> Iterator[str]:
        """The pieces of text of the first choice, empty ones left out."""
        for chunk in self:
            for choice in chunk.choices:
                if choice.index == 0 and choice.text:
                    yield choice.text
