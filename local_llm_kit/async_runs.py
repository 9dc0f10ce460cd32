"""Calls under way, waited for by coroutines: the twin of `runs`."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Callable
from typing import Any, Generic, Protocol, Self, TypeVar

from LLM.wire import in_process
from local_llm_kit.async_layered import answered_by_layers, begun_by_layers
from local_llm_kit.backends import Growing, JSONObject
from local_llm_kit.calls import Call
from local_llm_kit.checked import CheckedCall, Counted
from local_llm_kit.mailboxes import Mailboxes
from local_llm_kit.stopping import Stop
from local_llm_kit.told import watch_of

ChunkT = TypeVar("ChunkT")
ResponseT = TypeVar("ResponseT")


class AsyncBegun(Protocol):
    """A call that was started and whose answer is streamed."""

    @property
    def answer(self) -> Counted:
        """What grows while the chunks are read."""
        ...

    def chunks(self, make: Callable[[JSONObject], ChunkT]) -> AsyncIterator[ChunkT]:
        """The answer's chunks as they come."""
        ...

    async def finish(self, response: Any) -> None:
        """What is left to do with a complete answer."""
        ...

    def cancel(self) -> None:
        """Stop the work; nothing happens to what has ended. Any thread."""
        ...


class AsyncRuns:
    """Starts calls in whichever event loop is running; each loop has its own mailboxes."""

    def __init__(self) -> None:
        self._mailboxes: dict[asyncio.AbstractEventLoop, Mailboxes] = {}

    async def start(self, prepare: Callable[[Stop], Call[ResponseT]]) -> AsyncRun[ResponseT]:
        """Start a call; cancelling the task meanwhile ends what is computed to prepare it.

        :param prepare: as of `CheckedCall`, called in a thread.
        :raises LLMError: the model does not take it.
        """
        stop = Stop()
        try:
            call = await asyncio.to_thread(prepare, stop)
        except asyncio.CancelledError:
            stop.set()
            raise
        return AsyncRun(call, self._of_this_loop())

    async def answered(self, ask: Callable[[], CheckedCall[ResponseT]]) -> ResponseT:
        """The whole answer to a call; cancelling the task that waits for it stops the work.

        :param ask: checks the call's arguments, in a thread: memory may have to be read.
        :raises LLMError: as `AsyncRun.response`, or the model does not take it.
        """
        if in_process.now():
            return await answered_by_layers(self, await asyncio.to_thread(ask))
        run = await self.start(lambda stop: ask().prepare(stop))
        return await run.response()

    async def begun(self, ask: Callable[[], CheckedCall[Any]]) -> AsyncBegun:
        """Start a call whose answer is streamed.

        :param ask: as for `answered`.
        :raises LLMError: the model does not take it.
        """
        if in_process.now():
            return await begun_by_layers(self, await asyncio.to_thread(ask))
        return await self.start(lambda stop: ask().prepare(stop))

    def _of_this_loop(self) -> Mailboxes:
        loop = asyncio.get_running_loop()
        found = self._mailboxes.get(loop)
        if found is None:
            for other in [one for one in list(self._mailboxes) if one.is_closed()]:
                self._mailboxes.pop(other, None)
            found = self._mailboxes[loop] = Mailboxes()
        return found


class AsyncRun(Generic[ResponseT]):
    """A call that was started.

    :raises LLMError: the model does not take it.
    """

    def __init__(self, call: Call[ResponseT], mailboxes: Mailboxes) -> None:
        self._call: Call[ResponseT] = call
        self._watch = watch_of(call.asked, call.job.answer)
        try:
            self._delivery = mailboxes.start(call.job)
        except BaseException as err:
            call.lease.release()
            if self._watch is not None:
                self._watch.failed(err)
            raise

    def chunks(self, make: Callable[[JSONObject], ChunkT]) -> AsyncChunks[ChunkT]:
        """The answer's chunks as they come.

        :param make: makes a chunk's dict the caller's object.
        """
        return AsyncChunks(self, make)

    async def response(self) -> ResponseT:
        """The whole answer; cancelling the task that waits for it stops the work.

        :raises LLMTimeoutError: a deadline passed; the work is stopped.
        :raises LLMError: the engine failed, or the answer is not what was asked for.
        """
        response = self._call.read(await self.whole())
        await self.finish(response)
        return response

    async def whole(self) -> JSONObject:
        """The whole answer before it is made an object; raises as `response` does."""
        answer = self.answer
        try:
            answer.start()
            while not answer.done:
                await self.step()
        finally:
            self.cancel()
        return answer.response()

    @property
    def answer(self) -> Growing:
        """What grows while the chunks are read."""
        return self._call.job.answer

    async def step(self) -> list[JSONObject]:
        """Chunks of the next step that has any events for this call.

        :raises LLMTimeoutError: a deadline passed.
        :raises LLMError: the engine failed.
        """
        if self._watch is None:
            return await self._step()
        try:
            chunks = await self._step()
        except BaseException as err:
            self._watch.failed(err)
            raise
        for chunk in chunks:
            self._watch.arrived(chunk)
        return chunks

    async def _step(self) -> list[JSONObject]:
        deadlines = self._call.deadlines
        if deadlines.timeout_s is None:
            return await self._delivery.step()
        try:
            async with asyncio.timeout(deadlines.left_s()) as limit:
                chunks = await self._delivery.step()
        except TimeoutError:
            if limit.expired():
                raise deadlines.error(self._call.model_name) from None
            raise
        deadlines.met()
        return chunks

    def first_chunks(self) -> list[JSONObject]:
        """Chunks that come before anything was computed."""
        return self._call.job.answer.start()

    @property
    def done(self) -> bool:
        """Whether every choice has ended."""
        return self._call.job.answer.done

    async def finish(self, response: Any) -> None:
        """What is left to do with a complete answer, off the loop since it may write to disk."""
        if self._call.finish is not None:
            await asyncio.to_thread(self._call.finish, response)

    def cancel(self) -> None:
        """Free the slots and the model; nothing happens to what has ended. Any thread."""
        self._delivery.close()
        self._call.lease.release()
        if self._watch is not None:
            self._watch.left()


class AsyncChunks(Generic[ChunkT]):
    """Chunks of a run; not a generator, whose end would need the loop."""

    def __init__(self, run: AsyncRun[Any], make: Callable[[JSONObject], ChunkT]) -> None:
        self._run = run
        self._make = make
        self._ready = deque(run.first_chunks())

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> ChunkT:
        while not self._ready:
            if self._run.done:
                raise StopAsyncIteration
            self._ready.extend(await self._run.step())
        return self._make(self._ready.popleft())
