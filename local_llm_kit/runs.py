"""Calls under way, waited for by a thread."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from queue import Empty, SimpleQueue
from typing import Any, Generic, TypeVar

from LLM.exceptions import LLMServerError
from local_llm_kit.backends import Growing, Job, JSONObject
from local_llm_kit.calls import Call
from local_llm_kit.engines.protocol import Event
from local_llm_kit.stopping import Stop
from local_llm_kit.told import watch_of

ResponseT = TypeVar("ResponseT")


def answered(job: Job, stop: Stop) -> JSONObject:
    """The whole answer of a job, waited for without a bound.

    :param stop: ends it.
    :raises LLMError: the model does not take it, or fails, or it was stopped.
    """
    stop.check()
    queue: SimpleQueue[list[Event]] = SimpleQueue()
    handles = job.start(queue.put)
    try:
        with stop.over(handles):
            job.answer.start()
            while not job.answer.done:
                job.answer.feed(queue.get())
    finally:
        for handle in handles:
            handle.cancel()
    return job.answer.response()


class Run(Generic[ResponseT]):
    """A call that was started, its chunks read as they come.

    :raises LLMError: the model does not take it.
    """

    def __init__(self, call: Call[ResponseT]) -> None:
        self._call: Call[ResponseT] = call
        self._queue: SimpleQueue[list[Event]] = SimpleQueue()
        self._watch = watch_of(call.asked, call.job.answer)
        try:
            self._handles = call.job.start(self._queue.put)
        except BaseException as err:
            call.lease.release()
            if self._watch is not None:
                self._watch.failed(err)
            raise

    def chunks(self) -> Iterator[JSONObject]:
        """Chunks until every choice has ended.

        :raises LLMTimeoutError: a deadline passed; the work is stopped.
        :raises LLMError: the engine failed; the other choices are cancelled.
        """
        for chunks in self.steps():
            yield from chunks

    def steps(self) -> Iterator[Iterable[JSONObject]]:
        """The chunks of each step; raises as `chunks` does."""
        answer = self._call.job.answer
        try:
            yield answer.start()
            while not answer.done:
                yield self._fed()
        finally:
            self.cancel()

    def _fed(self) -> Iterable[JSONObject]:
        """Chunks of the next step."""
        answer = self._call.job.answer
        if self._watch is None:
            return answer.feed(self._next())
        try:
            return self._watch.items(iter(answer.feed(self._next())))
        except BaseException as err:
            self._watch.failed(err)
            raise

    def _next(self) -> list[Event]:
        deadlines = self._call.deadlines
        try:
            events = self._queue.get(timeout=deadlines.left_s())
        except Empty:
            raise deadlines.error(self._call.model_name) from None
        deadlines.met()
        return events

    def response(self) -> ResponseT:
        """The whole answer.

        :raises LLMError: as `chunks`, or the answer is not what was asked for.
        """
        response = self._call.read(self.whole())
        if self._call.finish is not None:
            self._call.finish(response)
        return response

    def whole(self) -> JSONObject:
        """The whole answer before it is made an object; raises as `chunks` does."""
        for _ in self.chunks():
            raise LLMServerError("an answer that is not streamed made a chunk", status_code=500)
        return self._call.job.answer.response()

    @property
    def answer(self) -> Growing:
        """What grows while the chunks are read."""
        return self._call.job.answer

    @property
    def finish(self) -> Callable[[Any], None] | None:
        """What is left to do with a complete answer."""
        return self._call.finish

    def cancel(self) -> None:
        """Free the slots and the model; nothing happens to what has ended."""
        for handle in self._handles:
            handle.cancel()
        self._call.lease.release()
        if self._watch is not None:
            self._watch.left()
