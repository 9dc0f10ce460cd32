"""The span of what calls are made for: a job, a ring's call, a tool, a server's request."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from opentelemetry import context as otel_context
from opentelemetry import propagate, trace
from opentelemetry.trace import SpanKind, Status, StatusCode

from LLM.telemetry import dropped
from LLM.telemetry.current_span import CurrentSpan
from LLM.telemetry.failures import failure_attributes, harmless

if TYPE_CHECKING:
    from LLM.telemetry.recorder import Recorder


class Work(CurrentSpan):
    """A span around calls, whose spans are its children.

    As a context manager it is the current span of the block, and ends with it; where its end lies
    elsewhere, `during` makes it current and `end` ends it. Neither goes across a `yield`.

    :param name: the span's; few different ones.
    :param carrier: headers of an incoming request, whose trace it continues: the span of a server.
    """

    def __init__(
        self,
        recorder: Recorder,
        name: str,
        attributes: Mapping[str, Any],
        carrier: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(recorder)
        self._start(name, attributes, carrier)

    @harmless(None)
    def _start(
        self, name: str, attributes: Mapping[str, Any], carrier: Mapping[str, str] | None
    ) -> None:
        parent, kind = self._context, SpanKind.INTERNAL
        if carrier is not None:
            parent, kind = propagate.extract(carrier, parent), SpanKind.SERVER
        self._span = self._recorder.tracer.start_span(
            name, context=parent, kind=kind, attributes=_given(attributes)
        )
        self._context = trace.set_span_in_context(self._span, parent)

    def _leave(self, error: BaseException | None) -> None:
        self.end(error)

    @contextlib.contextmanager
    def during(self) -> Iterator[None]:
        """The block's calls belong to it."""
        token = otel_context.attach(self._context)
        try:
            yield
        finally:
            otel_context.detach(token)

    @harmless(None)
    def tell(self, attributes: Mapping[str, Any]) -> None:
        """Add attributes; those that are None are left out."""
        self._span.set_attributes(_given(attributes))

    @harmless(None)
    def rename(self, name: str) -> None:
        """Give the span a name that tells more."""
        self._span.update_name(name)

    @harmless(None)
    def failed(self, attributes: Mapping[str, Any]) -> None:
        """Say that the work has failed without an error."""
        self._span.set_attributes(_given(attributes))
        self._span.set_status(Status(StatusCode.ERROR))

    def end(self, error: BaseException | None = None) -> None:
        """End the span, once; safe in a destructor.

        :param error: what the work ended with; None for well.
        """
        if self._ended:
            return
        self._ended = True
        if dropped.is_collecting():
            # The collector may have interrupted the exporter whose locks an end would wait for.
            self._recorder.later(lambda: self._end(error))
        else:
            self._end(error)

    @harmless(None)
    def _end(self, error: BaseException | None) -> None:
        try:
            if error is not None:
                self.failed(failure_attributes(error))
        finally:
            self._span.end()


def _given(attributes: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in attributes.items() if value is not None}
