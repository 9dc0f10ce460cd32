"""Requests that go on as they are, while a listener hears what becomes of them.

For layers of `LLM.wire` that look on: cassettes while they record, and transcripts. Nothing that
passes is changed or held up; a stream's pieces are handed on one by one.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Protocol, Self

from LLM.answer import Answer
from LLM.wire import AsyncSend, AsyncSendStream, AsyncStreamedWire, Send, SendStream, StreamedWire


class Listener(Protocol):
    """Hears of one request. May not raise.

    Of a stream it is told `began`, what `arrived`, and how it `ended`; the latter may be told
    again, by another thread or by the garbage collector, and counts the first time.
    """

    def answered(self, answer: Answer) -> None:
        """The answer has come whole."""
        ...

    def failed(self, error: BaseException) -> None:
        """There is no answer."""
        ...

    def began(self, status: int, headers: Mapping[str, str]) -> None:
        """The answer has begun, and comes in pieces."""
        ...

    def arrived(self, piece: bytes) -> None:
        """A piece of it has come."""
        ...

    def ended(self, error: BaseException | None) -> None:
        """No more of it will come.

        :param error: what it broke with; None at its end.
        """
        ...

    def left(self) -> None:
        """Nobody reads on, if it has not ended already."""
        ...


def call(listener: Listener, send: Send) -> Answer:
    """Send a request whose answer comes whole."""
    try:
        answer = send()
    except BaseException as err:
        listener.failed(err)
        raise
    listener.answered(answer)
    return answer


def stream(listener: Listener, send: SendStream) -> Answer | StreamedWire:
    """Send a request whose answer is streamed."""
    try:
        answer = send()
    except BaseException as err:
        listener.failed(err)
        raise
    if isinstance(answer, Answer):
        listener.answered(answer)
        return answer
    return _Stream(answer, listener)


async def call_async(listener: Listener, send: AsyncSend) -> Answer:
    """The twin of `call`."""
    try:
        answer = await send()
    except BaseException as err:
        listener.failed(err)
        raise
    listener.answered(answer)
    return answer


async def stream_async(listener: Listener, send: AsyncSendStream) -> Answer | AsyncStreamedWire:
    """The twin of `stream`."""
    try:
        answer = await send()
    except BaseException as err:
        listener.failed(err)
        raise
    if isinstance(answer, Answer):
        listener.answered(answer)
        return answer
    return _AsyncStream(answer, listener)


class _Overheard:
    """What streams of both worlds pass on."""

    def __init__(self, answer: StreamedWire | AsyncStreamedWire, listener: Listener) -> None:
        self.status = answer.status
        self.headers = answer.headers
        self._answer = answer
        self._listener = listener
        listener.began(answer.status, answer.headers)

    def progress(self) -> None:
        """Waiting for the next item begins now."""
        self._answer.progress()

    def close(self) -> None:
        """End it, wherever it is."""
        self._answer.close()
        self._listener.left()


class _Stream(_Overheard):
    _answer: StreamedWire

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes, each at once."""
        arrived = self._listener.arrived
        try:
            for piece in self._answer.pieces():
                arrived(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as err:
            self._listener.ended(err)
            raise
        self._listener.ended(None)

    def drain(self, pieces: Iterator[bytes], /) -> None:
        """Read what little may follow the last item."""
        # All that matters has come, whatever becomes of the connection.
        self._listener.ended(None)
        self._answer.drain(pieces)


class _AsyncStream(_Overheard):
    """The twin of `_Stream`."""

    _answer: AsyncStreamedWire

    def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes, each at once."""
        return _AsyncPieces(self._answer.pieces(), self._listener)

    async def drain(self, pieces: Any, /) -> None:
        """Read what little may follow the last item."""
        self._listener.ended(None)  # as above
        await self._answer.drain(pieces)


class _AsyncPieces:
    """No async generator, whose end would need the loop."""

    def __init__(self, pieces: AsyncIterator[bytes], listener: Listener) -> None:
        self._pieces = pieces
        self._listener = listener

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._listener.ended(None)
            raise
        except BaseException as err:
            self._listener.ended(err)
            raise
        self._listener.arrived(piece)
        return piece
