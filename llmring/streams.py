"""A streamed answer of a ring, in chunks."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Generator, Iterator
from typing import Any, Self

from cloud.llm.events import ReasoningDelta, RefusalDelta, StreamEvent, TextDelta
from LLM.exceptions import LLMError
from llmring import background
from llmring.caller import Caller, Job, OpenStream
from llmring.exceptions import ConfigurationError, ProviderAnswerError, wrap_exception
from llmring.failover import Answered, trips
from llmring.schemas import LLMResponse, StreamChunk


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
            return await self._last(answered)
        except LLMError as err:
            raise self._failed(answered, err) from err
        except BaseException:
            self._ended = True
            answered.admission.released()
            raise

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
            background.run(self.aclose())

    async def aclose(self) -> None:
        """Stop the stream and free what is behind it. Safe to call again, and after the end."""
        self._ended = True
        if self._answered is not None:
            self._answered.admission.released()
            await self._answered.value.events.aclose()

    @property
    def attempts(self) -> list[dict[str, Any]]:
        """The models that were tried so far, as `LLMResponse.attempts`."""
        return self._job.attempts.told if self._job else []

    @property
    def response(self) -> Awaitable[LLMResponse]:
        """The whole answer, to be awaited; reads the rest of the stream first.

        :raises ProviderAnswerError: the stream was closed before its end.
        """
        return self._response()

    async def _response(self) -> LLMResponse:
        async for _ in self:
            continue
        if self._final is None:
            raise ProviderAnswerError("the stream was left before its end; iterate all of it")
        return self._final

    async def _begin(self) -> None:
        try:
            self._job = self._make_job()
            self._answered = await self._caller.stream(self._job)
        except BaseException:
            self._ended = True
            raise

    async def _next_event(self, opened: OpenStream) -> StreamEvent:
        return opened.begun.pop(0) if opened.begun else await anext(opened.events)

    async def _last(self, answered: Answered[OpenStream]) -> StreamChunk:
        """The chunk that ends the stream."""
        self._ended = True
        assert self._job is not None
        answered.admission.succeeded()
        final = await self._caller.finished(
            self._job, answered.model, await answered.value.events.response
        )
        self._final = final
        return StreamChunk.model_construct(
            delta="",
            model=answered.model,
            finish_reason=final.finish_reason,
            usage=final.usage,
            tool_calls=final.tool_calls,
            parsed=final.parsed,
        )

    def _failed(self, answered: Answered[OpenStream], error: LLMError) -> LLMError:
        self._ended = True
        provider = answered.model.partition(":")[0]
        failure = wrap_exception(error, provider=provider, model=answered.model)
        failure.details["attempts"] = self.attempts
        if trips(failure):
            answered.admission.failed(failure.retry_after)
        else:
            answered.admission.released()
        return failure


def _chunk(event: StreamEvent, model: str) -> StreamChunk | None:
    """The chunk that tells an event; None for one that the last chunk tells."""
    if isinstance(event, (TextDelta, RefusalDelta)):
        return StreamChunk.model_construct(delta=event.text, model=model)
    if isinstance(event, ReasoningDelta) and event.text:
        return StreamChunk.model_construct(delta="", model=model, reasoning=event.text)
    return None


async def _next_or_none(stream: ChatStream) -> StreamChunk | None:
    return await anext(stream, None)
