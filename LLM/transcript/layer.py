"""The transcript as a layer before the network: it looks on and changes nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Any, Self

from LLM import wire
from LLM.answer import Answer
from LLM.transcript import exchange as exchanges
from LLM.transcript.exchange import Exchange
from LLM.transcript.output import Output, open_output
from LLM.wire import (
    AsyncSend,
    AsyncSendStream,
    AsyncStreamedWire,
    Send,
    SendStream,
    StreamedWire,
    WireRequest,
)


class Transcript:
    """Writes down every request of this process, and what becomes of it.

    :param output: where it is written.
    """

    def __init__(self, output: Output) -> None:
        self.output = output

    @classmethod
    def begin(cls, setting: str) -> Self:
        """Write down all requests from now on, those to models in this process included.

        :param setting: as in `open_output`.
        :raises LLMConfigError: nothing can be written there.
        """
        begun = cls(open_output(setting))
        # Outermost: what a cassette answers is told, too.
        for add in (wire.add_layer, wire.in_process.add):
            add(begun, outermost=True)
        return begun

    def end(self) -> None:
        """Write nothing more. Requests under way end untold."""
        for remove in (wire.remove_layer, wire.in_process.remove):
            remove(self)
        self.output.close()

    def note(self, text: str, *, of_last: bool = False) -> None:
        """Write a remark.

        :param of_last: it is about the request that this thread or task has sent last.
        """
        exchanges.note(self.output, text, of_last=of_last)

    def call(self, request: WireRequest, send: Send) -> Answer:
        """A request whose answer comes whole."""
        exchange = Exchange.of(request, self.output)
        try:
            answer = send()
        except BaseException as err:
            exchange.failed(err)
            raise
        exchange.answered(answer)
        return answer

    def stream(self, request: WireRequest, send: SendStream) -> Answer | StreamedWire:
        """A request whose answer is streamed; whole where its status is not 2xx."""
        exchange = Exchange.of(request, self.output)
        try:
            answer = send()
        except BaseException as err:
            exchange.failed(err)
            raise
        if isinstance(answer, Answer):
            exchange.answered(answer)
            return answer
        return _SeenStream(answer, exchange)

    async def call_async(self, request: WireRequest, send: AsyncSend) -> Answer:
        """The twin of `call`."""
        exchange = Exchange.of(request, self.output, _task_name())
        try:
            answer = await send()
        except BaseException as err:
            exchange.failed(err)
            raise
        exchange.answered(answer)
        return answer

    async def stream_async(
        self, request: WireRequest, send: AsyncSendStream
    ) -> Answer | AsyncStreamedWire:
        """The twin of `stream`."""
        exchange = Exchange.of(request, self.output, _task_name())
        try:
            answer = await send()
        except BaseException as err:
            exchange.failed(err)
            raise
        if isinstance(answer, Answer):
            exchange.answered(answer)
            return answer
        return _SeenAsyncStream(answer, exchange)


def _task_name() -> str | None:
    task = asyncio.current_task()
    return None if task is None else task.get_name()


class _Seen:
    """What a streamed answer of either world passes on."""

    def __init__(self, answer: StreamedWire | AsyncStreamedWire, exchange: Exchange) -> None:
        self.status: int = answer.status
        self.headers: Mapping[str, str] = answer.headers
        self._answer = answer
        self._exchange = exchange
        exchange.began()

    def progress(self) -> None:
        """Waiting for the next event begins now."""
        self._answer.progress()

    def close(self) -> None:
        """End it, wherever it is."""
        self._answer.close()
        self._ended("left")

    def _ended(self, outcome: str) -> None:
        self._exchange.ended(self.status, self.headers, outcome)

    def _failed(self, error: BaseException) -> None:
        self._ended(f"{type(error).__name__}: {error}")


class _SeenStream(_Seen):
    """A streamed answer whose pieces are noted as they pass."""

    _answer: StreamedWire

    def pieces(self) -> Iterator[bytes]:
        """The body's bytes."""
        try:
            for piece in self._answer.pieces():
                self._exchange.arrived(piece)
                yield piece
        except GeneratorExit:
            raise
        except BaseException as err:
            self._failed(err)
            raise
        self._ended("complete")

    def drain(self, pieces: Iterator[bytes], /) -> None:
        """Read what little may follow the last event."""
        self._answer.drain(pieces)
        self._ended("complete")


class _SeenAsyncStream(_Seen):
    """The twin of `_SeenStream`."""

    _answer: AsyncStreamedWire

    def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes."""
        return _SeenPieces(self._answer.pieces(), self)

    async def drain(self, pieces: Any, /) -> None:
        """Read what little may follow the last event."""
        await self._answer.drain(pieces)
        self._ended("complete")


class _SeenPieces:
    """Passes the pieces on. No async generator: see `LLM.reading`."""

    def __init__(self, pieces: AsyncIterator[bytes], stream: _SeenAsyncStream) -> None:
        self._pieces = pieces
        self._stream = stream

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await anext(self._pieces)
        except StopAsyncIteration:
            self._stream._ended("complete")
            raise
        except BaseException as err:
            self._stream._failed(err)
            raise
        self._stream._exchange.arrived(piece)
        return piece
