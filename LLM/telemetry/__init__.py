"""OpenTelemetry: a span and metrics for every call, by the conventions for generative AI.

Off until `instrument` is called; then all clients of the process are recorded, whichever package
they are of. Needs ``opentelemetry-api`` alone; what becomes of spans and metrics is up to the SDK
that the application sets up. Where nothing is recorded, a call costs one look at `current`.

What a client does::

    if (recorder := telemetry.current) is None:
        ...  # the call
    else:
        with recorder.call(asked) as span:
            ...  # the call
            span.answered(told)
"""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

from LLM.exceptions import LLMConfigError
from LLM.extras import how_to_add

if TYPE_CHECKING:
    from opentelemetry.metrics import MeterProvider
    from opentelemetry.trace import TracerProvider

    from LLM.telemetry.recorder import Recorder
    from LLM.telemetry.work_span import Work

logger = logging.getLogger("LLM")

#: The variable that turns the recording of content on where the argument leaves it open.
CONTENT_VARIABLE = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
#: Its values: those that record on spans, and those that do not.
_ON, _OFF = ("true", "span_only", "span_and_event"), ("", "false", "no_content", "event_only")

#: What records calls; None where nothing does. Read at each call, set by `instrument` alone.
current: Recorder | None = None
_lock = threading.Lock()


def instrument(
    tracer_provider: TracerProvider | None = None,
    meter_provider: MeterProvider | None = None,
    *,
    capture_content: bool | None = None,
    propagate: bool = False,
) -> None:
    """Record the calls of all clients of this process from now on.

    A second call takes the place of the first.

    :param tracer_provider: makes the spans; None takes the process's own, which the SDK sets.
    :param meter_provider: makes the metrics; None takes the process's own.
    :param capture_content: record messages, instructions, names of tools and answers on the spans,
        without keys and within bounds. None reads the variable
        ``OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT``, and records none without it.
    :param propagate: send the context of the trace with every request, in the headers that the
        process's propagators write (``traceparent``, and the baggage, if there is any).
    :raises LLMConfigError: the package opentelemetry-api is not installed.
    """
    global current
    if capture_content is None:
        capture_content = _content_is_wanted()
    recorder = _recorder_class()(
        tracer_provider, meter_provider, captures_content=capture_content, propagates=propagate
    )
    with _lock:
        before, current = current, recorder
    if before is not None:
        before.close()


def uninstrument() -> None:
    """Record nothing any more. Calls under way are recorded to their end. Repeatable."""
    global current
    with _lock:
        before, current = current, None
    if before is not None:
        before.close()


def work(
    name: str, attributes: Mapping[str, Any] | None = None
) -> AbstractContextManager[Work | None]:
    """A span around what calls are made for, such as a job: theirs become its children.

    It holds for the thread or the task that opens it, and for tasks that are begun in the block;
    threads are given it by ``contextvars.copy_context().run``. Not for a generator's body.

    :param name: the span's; few different ones.
    :param attributes: its attributes, by names of your own.
    :return: a context manager that gives a `Work`, or None where nothing is recorded.
    """
    recorder = current  # once: another thread may call `uninstrument`
    return nullcontext() if recorder is None else recorder.work(name, attributes or {})


def _recorder_class() -> type[Recorder]:
    try:
        # Imported here: it may be missing, and takes longer to load than all of `LLM`.
        from LLM.telemetry.recorder import Recorder
    except ModuleNotFoundError as err:
        if not (err.name or "").startswith("opentelemetry"):
            raise
        raise LLMConfigError(
            "instrument() needs the package opentelemetry-api, which is not installed; "
            + how_to_add("otel")
        ) from err
    return Recorder


def _content_is_wanted() -> bool:
    value = os.environ.get(CONTENT_VARIABLE, "").strip().lower()
    if value not in _ON and value not in _OFF:
        # A variable that is meant for other libraries too may not end the program.
        logger.warning("%s has a value that is not known; no content is recorded", CONTENT_VARIABLE)
    return value in _ON
