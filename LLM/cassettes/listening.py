"""Streams that are written down while they pass, piece by piece, to whoever asked for them."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any, Literal, Self

from LLM.cassettes.interactions import Pieces
from LLM.exceptions import LLMError
from LLM.wire import AsyncStreamedWire, StreamedWire

#: How a stream has ended: by an error, left by its reader, or at its end.
End = LLMError | Literal["left"] | None
#: What is called once, at the stream's end.
Note = Callable[[Pieces, End], None]


class Tape:
    """The pieces of one stream until it ends.

    :param started: when the request was sent, by `time.monotonic`.
    """

    __slots__ = ("__weakref__", "_note", "_pieces", "_started")

    def __init__(self, started: float, note: Note) -> None:
        self._started = started
        self._note: Note | None = note
        self._pieces: Pieces = []

    def add(self, data: bytes) -> None:
        """Take a piece that has arrived."""
        self._pieces.append((time.monotonic() - self._started, bytes(data)))

    def end(self, end: End) -> None:
        """Write all down; nothing the second time."""
        note, self._note = self._note, None
        if note is not None:
            note(self._pieces, end)

    def left(self) -> None:
        """Nobody reads on."""
        self.end("left")


class HeardStream:
    """A stream that is recorded; it ends, breaks and is closed as the one behind it.

    :param answer: the stream.
    """

    def __init__(self, answer: StreamedWire, tape: Tape) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._answer = answer
        self._tape = tape

    def progress(self) -> None:
        """Waiting for the next item begins now."""
        self._answer.progress()

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes, each at once."""
        add = self._tape.add
        try:
            for piece in self._answer.pieces():
                add(piece)
                yield piece
        except LLMError as err:
            self._tape.end(err)
            raise
        self._tape.end(None)

    def drain(self, pieces: Iterator[bytes]) -> None:
        """Read what little may follow the last item."""
        self._tape.end(None)  # all that matters has come, whatever becomes of the connection
        self._answer.drain(pieces)

    def close(self) -> None:
        """End it, wherever it is."""
        self._answer.close()
        self._tape.left()


class HeardAsyncStream:
    """The twin of `HeardStream`."""

    def __init__(self, answer: AsyncStreamedWire, tape: Tape) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._answer = answer
        self._tape = tape

    def progress(self) -> None:
        """Waiting for the next item begins now."""
        self._answer.progress()

    def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes, each at once."""
        return _AsyncPieces(self._answer.pieces(), self._tape)

    async def drain(self, pieces: Any) -> None:
        """Read what little may follow the last item."""
        self._tape.end(None)  # as above
        await self._answer.drain(pieces)

    def close(self) -> None:
        """End it, wherever it is."""
        self._answer.close()
        self._tape.left()


class _AsyncPieces:
    """No async generator, whose end would need the loop."""

    def __init__(self, pieces: AsyncIterator[bytes], tape: Tape) -> None:
        self._pieces = pieces
        self._tape = tape

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._tape.end(None)
            raise
        except LLMError as err:
            self._tape.end(err)
            raise
        self._tape.add(piece)
        return piece
