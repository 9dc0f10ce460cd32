"""The twin of `local_llm_kit.layered` for coroutines."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from LLM.answer import Answer
from LLM.wire import AsyncStreamedWire, in_process
from local_llm_kit.backends import JSONObject
from local_llm_kit.checked import unreadable
from local_llm_kit.layered import Reading, events_of, last_events, read_whole, whole_answer

if TYPE_CHECKING:
    from local_llm_kit.async_runs import AsyncRun, AsyncRuns
    from local_llm_kit.checked import CheckedCall

ChunkT = TypeVar("ChunkT")
ResponseT = TypeVar("ResponseT")


async def answered_by_layers(runs: AsyncRuns, checked: CheckedCall[ResponseT]) -> ResponseT:
    """The whole answer to a call.

    :raises LLMError: the model does not take it, or fails, or a deadline passed.
    """

    async def send() -> Answer:
        run = await runs.start(checked.prepare)
        return whole_answer(await run.whole())

    answer = await in_process.call_async(checked.request(), send)
    response = read_whole(checked, answer)
    await finished(checked, response)
    return response


async def begun_by_layers(runs: AsyncRuns, checked: CheckedCall[Any]) -> AsyncLayeredRun:
    """Start a call whose answer is streamed; raises as `answered_by_layers` does."""

    async def send() -> AsyncStreamedWire:
        return _AsyncSteps(await runs.start(checked.prepare))

    answer = await in_process.stream_async(checked.request(), send)
    if isinstance(answer, Answer):
        raise unreadable(answer.status)
    return AsyncLayeredRun(checked, answer)


async def finished(checked: CheckedCall[Any], response: Any) -> None:
    """What is left to do with a complete answer, off the loop since it may write to disk."""
    if checked.finish is not None:
        await asyncio.to_thread(checked.finish, response)


class AsyncLayeredRun:
    """A call that was started through the layers, its chunks read as they come."""

    def __init__(self, checked: CheckedCall[Any], stream: AsyncStreamedWire) -> None:
        self.answer = Reading()
        self._checked = checked
        self._stream = stream

    def chunks(self, make: Callable[[JSONObject], ChunkT]) -> AsyncIterator[ChunkT]:
        """The answer's chunks as they come.

        :param make: makes a chunk's dict the caller's object.
        """
        return _Chunks(self.answer, self._stream.pieces(), make)

    async def finish(self, response: Any) -> None:
        """What is left to do with a complete answer."""
        await finished(self._checked, response)

    def cancel(self) -> None:
        """Stop the work. Any thread."""
        self._stream.close()


class _Chunks(Generic[ChunkT]):
    """Chunks of a stream; not a generator, whose end would need the loop."""

    def __init__(
        self,
        reading: Reading,
        pieces: AsyncIterator[bytes],
        make: Callable[[JSONObject], ChunkT],
    ) -> None:
        self._reading = reading
        self._pieces = pieces
        self._make = make
        self._ready: deque[JSONObject] = deque()

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChunkT:
        while not self._ready:
            try:
                piece = await anext(self._pieces)
            except StopAsyncIteration:
                self._reading.check_whole()
                raise
            self._ready.extend(self._reading.feed(piece))
        return self._make(self._ready.popleft())


class _AsyncSteps:
    """A run as a stream of events, one piece a step."""

    status = 200
    headers: Mapping[str, str] = {}

    def __init__(self, run: AsyncRun[Any]) -> None:
        self._run = run

    def progress(self) -> None:
        """Nothing: the run keeps its own deadlines."""

    def pieces(self) -> AsyncIterator[bytes]:
        """The events of each step."""
        return _AsyncPieces(self._run)

    async def drain(self, pieces: AsyncIterator[bytes]) -> None:
        """Read what is left."""
        async for _ in pieces:
            continue

    def close(self) -> None:
        """Free the slots and the model. Any thread."""
        self._run.cancel()


class _AsyncPieces:
    """Not a generator, as above."""

    def __init__(self, run: AsyncRun[Any]) -> None:
        self._run = run
        self._first: list[JSONObject] | None = run.first_chunks()
        self._ended = False

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        chunks, self._first = self._first, None
        while not chunks and not self._run.done:
            chunks = await self._run.step()
        if chunks:
            return events_of(chunks)
        if self._ended:
            raise StopAsyncIteration
        self._ended = True
        return last_events(self._run.answer)
