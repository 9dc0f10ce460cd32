"""How answers are read for coroutines: whole ones within their caps, streams within their gaps."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Mapping
from typing import Self

import aiohttp

from LLM.answer import (
    DRAIN_READS,
    DRAIN_S,
    MAX_ANSWER_BYTES,
    MAX_ERROR_BYTES,
    MAX_STREAM_BYTES,
)
from LLM.async_transport_errors import WIRE_ERRORS, translated
from LLM.connection_errors import too_large, too_long_stream
from LLM.exceptions import LLMError
from LLM.inflate import PIECE_BYTES, Decoder, decoder_for


async def read_capped(response: aiohttp.ClientResponse) -> bytes:
    """The whole decoded body. :raises LLMResponseError: it is larger than 32 MiB."""
    decoder = decoder_for(response.headers.get("Content-Encoding"))
    length = response.content_length
    if length is not None and length > MAX_ANSWER_BYTES:
        raise too_large()
    content = response.content
    if length is not None:
        # All of it fits, so the connection need not be held up while we read.
        content.set_read_chunk_size(length)
    data = await content.readany()
    if decoder is None and content.at_eof():
        return data
    pieces: list[bytes] = []
    left = MAX_ANSWER_BYTES
    while data:
        for piece in (data,) if decoder is None else decoder.feed(data):
            pieces.append(piece)
            left -= len(piece)
            if left < 0:
                raise too_large()
        data = await content.readany()
    if decoder is not None:
        decoder.finish()
    return b"".join(pieces)


async def read_start(response: aiohttp.ClientResponse, start: bytearray) -> None:
    """Add the first MiB of an error's decoded body to `start`, as it arrives."""
    decoder = decoder_for(response.headers.get("Content-Encoding"))
    while data := _arrived(response.content) or await response.content.readany():
        for piece in (data,) if decoder is None else decoder.feed(data):
            start += piece[: MAX_ERROR_BYTES - len(start)]
            if len(start) >= MAX_ERROR_BYTES:
                return


def _arrived(content: aiohttp.StreamReader) -> bytes:
    """What has arrived and was not read, even when an error came after it.

    aiohttp raises the error first, and what came before would be lost.
    """
    error = content.exception()
    if error is None:
        return content.read_nowait()
    content.set_exception(None)  # type: ignore[arg-type]  # it has no other way to take it back
    try:
        return content.read_nowait()
    finally:
        content.set_exception(error)


class AsyncStreamedAnswer:
    """An answer whose body is read as it arrives, in the loop that asked for it.

    :param response: whose headers have been read.
    :param gap_s: seconds that may pass between two calls of `progress`.
    """

    def __init__(self, response: aiohttp.ClientResponse, origin: str, gap_s: float) -> None:
        self.status: int = response.status
        self.headers: Mapping[str, str] = response.headers
        self._response = response
        self._origin = origin
        self._gap_s = gap_s
        self._loop = asyncio.get_running_loop()
        self._gap = _Gap(response.content, self._loop)
        self.progress()

    def progress(self) -> None:
        """Waiting for the next event begins now: it has the whole gap."""
        self._gap.deadline = self._loop.time() + self._gap_s

    def pieces(self) -> AsyncIterator[bytes]:
        """The body's bytes, as the socket gives them.

        :raises LLMTimeoutError: the gap between two events passed.
        :raises LLMResponseError: the body is cut short, broken, or larger than 256 MiB.
        """
        return _Pieces(self._response, self._gap, self._origin, self._gap_s)

    async def drain(self, pieces: AsyncIterator[bytes]) -> None:
        """Read what little may follow the last event, so that the connection can be kept."""
        self._gap.deadline = self._loop.time() + DRAIN_S
        try:
            for _ in range(DRAIN_READS):
                await anext(pieces)
        except StopAsyncIteration:
            return
        except LLMError:
            self.close()

    def close(self) -> None:
        """Close the connection unless the body was read to its end.

        Safe to call again, from any thread, by the garbage collector, and after the loop has ended.
        """
        # Everything below belongs to the loop and its thread.
        if asyncio._get_running_loop() is self._loop or self._loop.is_closed():
            _close(self._response, self._gap)
            return
        with contextlib.suppress(RuntimeError):
            self._loop.call_soon_threadsafe(_close, self._response, self._gap)

    def __del__(self) -> None:
        if getattr(self, "_gap", None) is not None and self._response.connection is not None:
            self.close()


def _close(response: aiohttp.ClientResponse, gap: _Gap) -> None:
    gap.stop()
    connection = response.connection
    response.close()
    # In a loop that has ended, aiohttp leaves it to the garbage collector, which complains.
    if connection is not None and connection.protocol is not None:
        with contextlib.suppress(RuntimeError):
            connection.close()


class _Gap:
    """Ends the wait for more of a body at a deadline, which may be put off while it runs.

    One timer is kept and finds out when it fires: moving it for each event would cost as much as
    reading the event. It holds no `AsyncStreamedAnswer`, so that one can be dropped.
    """

    def __init__(self, content: aiohttp.StreamReader, loop: asyncio.AbstractEventLoop) -> None:
        self.deadline = 0.0
        self._content = content
        self._loop = loop
        self._waiting = False
        self._timer: asyncio.TimerHandle | None = None

    async def read(self) -> bytes:
        """What has arrived, or else what arrives next; nothing at the end.

        :raises TimeoutError: the deadline passed.
        """
        content = self._content
        if (data := _arrived(content)) or content.at_eof():
            return data
        if self._timer is None:
            self._timer = self._loop.call_at(self.deadline, self._fire)
        self._waiting = True
        try:
            return await content.readany()
        finally:
            self._waiting = False

    @property
    def passed(self) -> bool:
        """Whether the deadline has passed."""
        return self._loop.time() > self.deadline

    def stop(self) -> None:
        """Let go of the timer."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _fire(self) -> None:
        self._timer = None
        # Without a reader that waits, time is the reader's.
        if self._waiting and self._loop.time() >= self.deadline:
            self._content.set_exception(TimeoutError("deadline passed"))
        elif self._waiting:
            self._timer = self._loop.call_at(self.deadline, self._fire)


class _Pieces:
    """Iterates over a body.

    It is no async generator: one that is dropped half-way lives on until a task of its loop has
    closed it, which is later or, when the loop has ended, never.
    """

    def __init__(
        self, response: aiohttp.ClientResponse, gap: _Gap, origin: str, gap_s: float
    ) -> None:
        self._response = response
        self._gap = gap
        self._origin = origin
        self._gap_s = gap_s
        self._left = MAX_STREAM_BYTES
        self._decoder: Decoder | None = None
        self._decoded: Iterator[bytes] = iter(())
        self._begun = False
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        try:
            piece = await self._next()
        except WIRE_ERRORS as err:
            failure = translated(err, self._origin, self._gap_s, "between_chunks")
        else:
            if piece:
                return piece
            raise StopAsyncIteration
        self._ended = True
        try:
            raise failure from failure.__cause__
        finally:
            # Otherwise the traceback would hold this frame, and so the connection.
            del failure

    async def _next(self) -> bytes:
        """The next piece; empty at the end."""
        if not self._begun:
            self._begun = True
            self._decoder = decoder_for(self._response.headers.get("Content-Encoding"))
        while not self._ended:
            for piece in self._decoded:
                # One read of the socket can decode to a thousand pieces; the deadline holds for
                # them, and the cap.
                if self._gap.passed:
                    raise TimeoutError("deadline passed")
                return self._counted(piece)
            data = await self._gap.read()
            if not data:
                self._ended = True
                if self._decoder is not None:
                    self._decoder.finish()
            elif self._decoder is not None:
                self._decoded = self._decoder.feed(data)
            elif len(data) <= PIECE_BYTES:
                return self._counted(data)
            else:
                self._decoded = _cut(data)
        return b""

    def _counted(self, piece: bytes) -> bytes:
        self._left -= len(piece)
        if self._left < 0:
            raise too_long_stream(self._origin)
        return piece


def _cut(data: bytes) -> Iterator[bytes]:
    return (data[at : at + PIECE_BYTES] for at in range(0, len(data), PIECE_BYTES))
