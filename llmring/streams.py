"""A streamed answer of a ring, in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Generator, Iterator
from typing import Any, Self

from cloud.llm.events import ReasoningDelta, RefusalDelta, StreamEvent, TextDelta
from LLM.exceptions import LLMError
from LLM.telemetry.dropped import collecting
from llmring import background
from llmring.answers import llm_response, usage_dict
from llmring.caller import DEFAULT_ALIAS, Caller, Job, OpenStream
from llmring.exceptions import ConfigurationError, ProviderAnswerError, wrap_exception
from llmring.failover import Answered
from llmring.pending import PendingResponse
from llmring.schemas import LLMResponse, StreamChunk
from llmring.tracing import CallTrace


class ChatStream:
    """The chunks of one answer, as they arrive.

    Iterate it with ``async for``, in an ``async with`` block if you may leave early; where no event
    loop runs, with a plain ``for``. Nothing is sent before. The last chunk has the finish reason,
    the usage with its cost, and the tool calls. Until the first piece has arrived, another model of
    the pool may take over; after that, a failure is raised. Not for several tasks at once.

    :param caller: makes the call.
    :param job: gives the job, when the stream is first iterated.
    """

    def __init__(self, caller: Caller, job: Callable[[], Job]) -> None:
        self._caller = caller
        self._make_job = job
        self._job: Job | None = None
        self._answered: Answered[OpenStream] | None = None
        self._final: LLMResponse | None = None
        self._ended = False
        self._trace: CallTrace | None = None

    def __repr__(self) -> str:
        state = "ended" if self._ended else "open" if self._answered else "not begun"
        return f"<ChatStream: {state}>"

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> StreamChunk:
        if self._ended:
            raise StopAsyncIteration
        if self._answered is None:
            await self._begin()
        assert self._answered is not None
        answered = self._answered
        try:
            while True:
                chunk = _chunk(await self._next_event(answered.value), answered.model)
                if chunk is not None:
                    return chunk
        except StopAsyncIteration:
            self._ended = True
        except LLMError as err:
            self._ended = True
            failure = answered.failed(err)
            self._end_trace("failed", failure)
            raise failure from err
        except BaseException as err:
            self._ended = True
            answered.released()
            self._end_trace("left", err)
            raise
        try:
            last = await self._last(answered)
        except BaseException as err:
            self._end_trace("failed", err)
            raise
        self._end_trace("answered")
        return last

    def __await__(self) -> Generator[Any, Any, Self]:
        """The stream itself, for who writes ``async for chunk in await ring.chat_stream(…)``."""
        yield from ()
        return self

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.aclose()

    def __iter__(self) -> Iterator[StreamChunk]:
        """The chunks, for callers without an event loop.

        :raises ConfigurationError: an event loop runs in this thread, and would stand still.
        """
        if asyncio._get_running_loop() is not None:
            raise ConfigurationError("an event loop runs here; write `async for chunk in …`")
        try:
            while True:
                chunk = background.run(_next_or_none(self))
                if chunk is None:
                    return
                yield chunk
        finally:
            # Not waited for: the garbage collector may be here, in the very thread of that loop.
            background.begin(self.aclose())

    async def aclose(self) -> None:
        """Stop the stream and free what is behind it. Safe to call again, and after the end."""
        self._ended = True
        if self._answered is not None:
            self._answered.released()
            self._end_trace("left")
            await self._answered.value.events.aclose()

    def __del__(self) -> None:
        # What is behind the stream frees itself.
        if (answered := self.__dict__.get("_answered")) is not None:
            answered.released()
            with collecting:
                self._end_trace("left")

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """The models that were tried so far, as `LLMResponse.attempts`."""
        return self._job.attempts.told if self._job else []

    @property
    def response(self) -> PendingResponse:
        """The whole answer, as `LLMRing.chat` gives one; reads the rest of the stream first.

        Of a stream that was left or cut, it is what had arrived: neither parsed nor priced.

        :raises ProviderAnswerError: (when awaited) nothing had arrived.
        """
        return PendingResponse(self._response, "response", LLMResponse)

    async def _response(self) -> LLMResponse:
        async for _ in self:
            continue
        return self._final or await self._arrived()

    async def _arrived(self) -> LLMResponse:
        if self._answered is None:
            raise ProviderAnswerError("the stream has ended before anything of its answer arrived")
        model = self._answered.model
        try:
            response = await self._answered.value.events.response
        except LLMError as err:
            raise wrap_exception(err, provider=model.partition(":")[0], model=model) from err
        return llm_response(response, model, usage_dict(response.usage), None, self.attempts)

    async def _begin(self) -> None:
        try:
            self._job = self._make_job()
            self._trace = CallTrace(self._job, self._job.request.model or DEFAULT_ALIAS)
            with self._trace.during():
                self._answered = await self._caller.stream(self._job)
        except BaseException as err:
            self._ended = True
            self._end_trace("failed", err)
            raise

    def _end_trace(self, outcome: str, error: BaseException | None = None) -> None:
        if self._trace is not None:
            self._trace.end(outcome, error)

    async def _next_event(self, opened: OpenStream) -> StreamEvent:
        return opened.begun.popleft() if opened.begun else await anext(opened.events)

    async def _last(self, answered: Answered[OpenStream]) -> StreamChunk:
        """The chunk that ends the stream."""
        assert self._job is not None
        try:
            response = await answered.value.events.response
        except LLMError as err:
            raise answered.failed(err) from err
        answered.completed()
        final = self._final = await self._caller.finished(self._job, answered.model, response)
        return StreamChunk(
            delta="",
            model=answered.model,
            finish_reason=final.finish_reason,
            usage=final.usage,
            tool_calls=final.tool_calls,
            parsed=final.parsed,
        )


def _chunk(event: StreamEvent, model: str) -> StreamChunk | None:
    """The chunk that tells an event; None for one that the last chunk tells."""
    if isinstance(event, (TextDelta, RefusalDelta)):
        return StreamChunk(delta=event.text, model=model)
    if isinstance(event, ReasoningDelta) and event.text:
        return StreamChunk(delta="", model=model, reasoning=event.text)
    return None


async def _next_or_none(stream: ChatStream) -> StreamChunk | None:
    return await anext(stream, None)
