"""The span of one call, and what the metrics tell of it.

It is made current only while a request is under way, and never across a `yield`: a generator runs
in its caller's context, which would then stay changed.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from LLM.secrets import scrub_text
from LLM.telemetry import dropped, names
from LLM.telemetry.answers import Told, answer_attributes
from LLM.telemetry.asked import Asked, identity, request_attributes, short
from LLM.telemetry.content import input_attributes, output_attributes
from LLM.telemetry.current_span import CurrentSpan
from LLM.telemetry.failures import error_type, failure_attributes, harmless

if TYPE_CHECKING:
    from opentelemetry.metrics import Histogram

    from LLM.exceptions import LLMError
    from LLM.telemetry.recorder import Recorder

#: Where a context holds the call that is under way, for its tries to find it.
_CALL_KEY = otel_context.create_key("llm-kit-call")
#: Where a context holds the id of the conversation that its calls belong to.
CONVERSATION_KEY = otel_context.create_key("llm-kit-conversation")


class CallSpan(CurrentSpan):
    """One call: a whole answer, or a stream to its end.

    As a context manager it is the current span of the block; what leaves the block by an error has
    failed. A call ends once, by `answered`, `failed` or `left`; what comes after that is ignored.

    :param recorder: the providers that were given.
    :param asked: what is called for.
    """

    __slots__ = ("_asked", "_began", "_chunk_attributes", "_first", "_identity", "_last",
                 "n_retries")  # fmt: skip

    def __init__(self, recorder: Recorder, asked: Asked) -> None:
        super().__init__(recorder)
        self._asked = asked
        self._identity = identity(asked)
        self._first: float | None = None
        self._last = 0.0
        self._chunk_attributes: dict[str, Any] = self._identity
        self.n_retries = 0
        self._began = time.perf_counter()
        if asked.began_ns is not None:
            self._began -= (time.time_ns() - asked.began_ns) / 1e9
        self._start()

    @harmless(None)
    def _start(self) -> None:
        parent, asked = self._context, self._asked
        attributes = {**self._identity, **request_attributes(asked)}
        conversation = otel_context.get_value(CONVERSATION_KEY, parent)
        if isinstance(conversation, str):
            attributes[names.CONVERSATION_ID] = short(conversation)
        if self._recorder.captures_content:
            attributes |= input_attributes(asked)
        self._span = self._recorder.tracer.start_span(
            asked.span_name,
            context=parent,
            # A model in this process is called by no protocol.
            kind=SpanKind.CLIENT if asked.peer.address else SpanKind.INTERNAL,
            attributes=attributes,
            start_time=asked.began_ns,
        )
        with_span = trace.set_span_in_context(self._span, parent)
        self._context = otel_context.set_value(_CALL_KEY, self, with_span)

    def _leave(self, error: BaseException | None) -> None:
        if error is not None:
            self.failed(error)

    @harmless(None)
    def retried(self, failure: LLMError, delay_s: float) -> None:
        """A try has failed, and another one follows.

        :param delay_s: seconds until then.
        """
        self.n_retries += 1
        attributes = failure_attributes(failure) | {
            names.HTTP_RESEND_COUNT: self.n_retries,
            names.RETRY_DELAY: delay_s,
        }
        self._span.add_event(names.RETRY_EVENT, attributes)
        self._span.set_attribute(names.HTTP_RESEND_COUNT, self.n_retries)

    def chunk(self, item: Any = None) -> None:
        """A chunk of the stream has arrived.

        Measured at once: at the end, the SDK's 20 µs for each of thousands would stop the loop.

        :param item: the chunk, whose first may name the model that answers.
        """
        now = time.perf_counter()
        if self._first is None:
            self._first = now - self._began
            model = item.get("model") if isinstance(item, dict) else getattr(item, "model", None)
            self._chunk_attributes = self._measured(model if isinstance(model, str) else None)
            self._measure_chunk(self._recorder.first_chunk, self._first)
        else:
            self._measure_chunk(self._recorder.chunk_gap, now - self._last)
        self._last = now

    @harmless(None)
    def _measure_chunk(self, histogram: Histogram, took_s: float) -> None:
        histogram.record(took_s, self._chunk_attributes, self._context)

    def _measured(self, model: str | None) -> dict[str, Any]:
        """The attributes of metrics.

        :param model: the model that answers, as the server names it.
        """
        if not model:
            return self._identity
        named = {names.RESPONSE_MODEL: short(scrub_text(model, self._asked.secret))}
        return {**self._identity, **named}

    def answered(self, told: Told) -> None:
        """The answer is complete."""
        self._end(told, None)

    def failed(self, error: BaseException, told: Told | None = None) -> None:
        """The call ended with an error.

        :param told: what had arrived.
        """
        self._end(told or Told(), error)

    @property
    def ended(self) -> bool:
        """Whether the call has ended."""
        return self._ended

    def left(self, told: Told) -> None:
        """The stream is no longer wanted, or is over. Safe where the garbage collector is."""
        if self._ended:
            return
        if not dropped.is_collecting():
            self._end(told, None)
            return
        # The collector may have interrupted the very exporter whose locks an end would wait for.
        now_ns = time.time_ns()
        duration_s = time.perf_counter() - self._began
        self._ended = True
        self._recorder.later(lambda: self._record(told, None, duration_s, now_ns))

    def _end(self, told: Told, error: BaseException | None) -> None:
        if not self._ended:
            self._ended = True
            self._record(told, error, time.perf_counter() - self._began, None)

    @harmless(None)
    def _record(
        self, told: Told, error: BaseException | None, duration_s: float, end_ns: int | None
    ) -> None:
        try:
            self._measure(told, error, duration_s)
        finally:
            self._close_span(told, error, end_ns)

    def _close_span(self, told: Told, error: BaseException | None, end_ns: int | None) -> None:
        span, asked = self._span, self._asked
        try:
            if span.is_recording():
                attributes = answer_attributes(told, asked.peer.provider, asked.secret)
                if self._first is not None:
                    attributes[names.RESPONSE_TIME_TO_FIRST_CHUNK] = self._first
                if self._recorder.captures_content and told.output is not None:
                    attributes |= output_attributes(told.output(), asked.secret)
                if error is not None:
                    attributes |= failure_attributes(error)
                    # No description: an error's message may quote the prompt.
                    span.set_status(Status(StatusCode.ERROR))
                span.set_attributes(attributes)
        finally:
            span.end(end_ns)

    def _measure(self, told: Told, error: BaseException | None, duration_s: float) -> None:
        recorder, context = self._recorder, self._context
        shared = self._measured(told.model)
        if error is not None:
            ended = {**shared, names.ERROR_TYPE: error_type(error)}
            recorder.duration.record(duration_s, ended, context)
        else:
            recorder.duration.record(duration_s, shared, context)
        if told.usage is not None:
            for kind, count in (
                ("input", told.usage.prompt_tokens),
                ("output", told.usage.completion_tokens if told.dimensions is None else None),
            ):
                if count is not None:
                    recorder.tokens.record(count, {**shared, names.TOKEN_TYPE: kind}, context)


def current_call() -> CallSpan | None:
    """The call that is under way in this context."""
    found = otel_context.get_value(_CALL_KEY)
    return found if isinstance(found, CallSpan) else None
