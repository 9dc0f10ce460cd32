"""From a streamed answer's bytes to what a decoder makes of them, within the gap between two.

Written for blocking and async answers; the decoders are pure and the same.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from typing import Any, Generic, Protocol, TypeVar

ItemT = TypeVar("ItemT")
_ItemT_co = TypeVar("_ItemT_co", covariant=True)


class Decoder(Protocol[_ItemT_co]):
    """Makes items of a stream's bytes."""

    @property
    def done(self) -> bool:
        """Whether the stream has said that it is over."""
        ...

    def feed(self, data: bytes, /) -> Iterable[_ItemT_co]:
        """Take the next bytes. :return: the items that they complete."""
        ...


class StreamedBytes(Protocol):
    """An answer whose body arrives bit by bit: `LLM.transport.StreamedAnswer`."""

    def progress(self) -> None:
        """Waiting for the next item begins now."""
        ...

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes."""
        ...

    def drain(self, pieces: Iterator[bytes], /) -> None:
        """Read what little may follow the last item."""
        ...


class AsyncStreamedBytes(Protocol):
    """The twin of `StreamedBytes`: `LLM.async_transport.AsyncStreamedAnswer`."""

    def progress(self) -> None:
        """Waiting for the next item begins now."""
        ...

    def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes."""
        ...

    async def drain(self, pieces: Any, /) -> None:
        """Read what little may follow the last item."""
        ...


def read_items(
    answer: StreamedBytes, decoder: Decoder[ItemT], finish: Callable[[], Iterable[ItemT]]
) -> Iterator[ItemT]:
    """The items of a stream, each as soon as it is complete.

    :param finish: called when the bytes end before the decoder is done; gives the last items, or
        raises what is wrong with such an end.
    """
    # The caller may have waited before asking for the first item; the server is not to blame.
    answer.progress()
    pieces = answer.pieces()
    for piece in pieces:
        arrived = False
        for item in decoder.feed(piece):
            yield item
            arrived = True
        if decoder.done:
            answer.drain(pieces)
            return
        if arrived:
            answer.progress()
    yield from finish()


def aread_items(
    answer: AsyncStreamedBytes, decoder: Decoder[ItemT], finish: Callable[[], Iterable[ItemT]]
) -> AsyncIterator[ItemT]:
    """The twin of `read_items` for coroutines."""
    return _AsyncItems(answer, decoder, finish)


class _AsyncItems(Generic[ItemT]):
    """Reads items for coroutines.

    It is no async generator: one that is dropped half-way lives on until a task of its loop has
    closed it, which is later or, when the loop has ended, never.
    """

    def __init__(
        self,
        answer: AsyncStreamedBytes,
        decoder: Decoder[ItemT],
        finish: Callable[[], Iterable[ItemT]],
    ) -> None:
        self._answer = answer
        self._decoder = decoder
        self._finish: Callable[[], Iterable[ItemT]] | None = finish
        self._pieces: AsyncIterator[bytes] | None = None
        self._ready: Iterator[ItemT] = iter(())
        # The caller may wait before asking for the first item; the server is not to blame.
        self._arrived = True

    def __aiter__(self) -> AsyncIterator[ItemT]:
        return self

    async def __anext__(self) -> ItemT:
        while True:
            for item in self._ready:
                self._arrived = True
                return item
            self._ready = iter(await self._more())

    async def _more(self) -> Iterable[ItemT]:
        """What the next bytes complete. :raises StopAsyncIteration: there is no more."""
        if self._finish is None:
            raise StopAsyncIteration
        if self._pieces is None:
            self._pieces = self._answer.pieces()
        if self._decoder.done:
            self._finish = None
            await self._answer.drain(self._pieces)
            raise StopAsyncIteration
        if self._arrived:
            self._answer.progress()
            self._arrived = False
        async for piece in self._pieces:
            return self._decoder.feed(piece)
        finish, self._finish = self._finish, None
        return finish()
