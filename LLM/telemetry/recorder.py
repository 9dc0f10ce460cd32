"""What spans and metrics are made with: the door to OpenTelemetry's API.

Imported when telemetry is turned on, and never before.
"""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import weakref
from collections.abc import Callable, Iterator, Mapping
from queue import SimpleQueue
from typing import Any

from opentelemetry import context as otel_context
from opentelemetry import metrics, propagate, trace
from opentelemetry.metrics import Histogram, MeterProvider
from opentelemetry.trace import TracerProvider

from LLM import telemetry
from LLM._version import __version__
from LLM.exceptions import LLMError
from LLM.telemetry import names
from LLM.telemetry.asked import Asked
from LLM.telemetry.call_span import CONVERSATION_KEY, CallSpan, current_call
from LLM.telemetry.content import tool_text
from LLM.telemetry.failures import harmless
from LLM.telemetry.work_span import Work

logger = logging.getLogger("LLM")

_SCOPE = "llm-kit"


class Recorder:
    """Records the calls of all clients of this process. Safe for many threads.

    :param tracer_provider: makes the spans; None takes the process's own.
    :param meter_provider: makes the metrics; None takes the process's own.
    :param captures_content: record what was said.
    :param propagates: send the trace's context along with requests.
    """

    def __init__(
        self,
        tracer_provider: TracerProvider | None,
        meter_provider: MeterProvider | None,
        *,
        captures_content: bool,
        propagates: bool,
    ) -> None:
        self.captures_content = captures_content
        self._propagates = propagates
        self.tracer = trace.get_tracer(
            _SCOPE, __version__, tracer_provider, schema_url=names.SCHEMA_URL
        )
        meter = metrics.get_meter(_SCOPE, __version__, meter_provider, schema_url=names.SCHEMA_URL)

        def histogram(name: str, unit: str, text: str, buckets: tuple[float, ...]) -> Histogram:
            return meter.create_histogram(
                name, unit, text, explicit_bucket_boundaries_advisory=buckets
            )

        self.duration = histogram(
            names.OPERATION_DURATION, "s", "GenAI operation duration.", names.SECOND_BUCKETS
        )
        self.tokens = histogram(
            names.TOKEN_USAGE,
            "{token}",
            "Number of input and output tokens used.",
            names.TOKEN_BUCKETS,
        )
        self.first_chunk = histogram(
            names.TIME_TO_FIRST_CHUNK,
            "s",
            "Time from the call to the first chunk of its stream.",
            names.SECOND_BUCKETS,
        )
        self.chunk_gap = histogram(
            names.TIME_PER_OUTPUT_CHUNK,
            "s",
            "Time between two chunks of a stream.",
            names.SECOND_BUCKETS,
        )
        self.begin()

    def begin(self) -> None:
        """Have a thread do what is put off; anew in a forked child, which has none.

        What the parent has put off is the parent's. The thread ends with this object, which calls
        that are under way hold: a stream may be dropped long after `close`.
        """
        self._put_off: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        weakref.finalize(self, self._put_off.put, None).atexit = False
        threading.Thread(
            target=_catch_up, args=(self._put_off,), name="llm-kit-telemetry", daemon=True
        ).start()

    def call(self, asked: Asked) -> CallSpan:
        """Begin a call."""
        return CallSpan(self, asked)

    def retried(self, failure: LLMError, delay_s: float) -> None:
        """A try of the call that is under way here has failed, and another one follows."""
        call = current_call()
        if call is not None:
            call.retried(failure, delay_s)

    def headers(self) -> dict[str, str]:
        """Headers that carry the context of the trace; none unless they are wanted."""
        carrier: dict[str, str] = {}
        if self._propagates:
            self._inject(carrier)
        return {name: value for name, value in carrier.items() if _fits_a_header(name, value)}

    @harmless(None)
    def _inject(self, carrier: dict[str, str]) -> None:
        propagate.inject(carrier)

    def work(
        self, name: str, attributes: Mapping[str, Any], carrier: Mapping[str, str] | None = None
    ) -> Work:
        """The span of what calls are made for, as a context manager; theirs are its children.

        Not for a generator's body, which runs in its caller's context.

        :param name: the span's, of which there should be few.
        :param carrier: headers of an incoming request, whose trace it continues: the span of a
            server.
        """
        return Work(self, name, attributes, carrier)

    @contextlib.contextmanager
    def conversation(self, id: str) -> Iterator[None]:
        """Calls within the block belong to a conversation."""
        token = otel_context.attach(otel_context.set_value(CONVERSATION_KEY, id))
        try:
            yield
        finally:
            otel_context.detach(token)

    @harmless("")
    def text(self, value: Any) -> str:
        """What a tool was given or gave, as much of it as is recorded."""
        return tool_text(value)

    def later(self, work: Callable[[], None]) -> None:
        """Have another thread do something, from where nothing may be waited for."""
        self._put_off.put(work)

    def close(self) -> None:
        """Do what was put off until now."""
        done = threading.Event()
        self._put_off.put(done.set)
        done.wait()


def _catch_up(put_off: SimpleQueue[Callable[[], None] | None]) -> None:
    while (work := put_off.get()) is not None:
        work()
        del work  # it holds a stream's answer, and the recorder


def _begin_in_child() -> None:
    if telemetry.current is not None:
        telemetry.current.begin()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_in_child)


def _fits_a_header(name: str, value: str) -> bool:
    """Whether HTTP can carry it: baggage is the user's, and a propagator anybody's."""
    return all(text.isascii() and text.isprintable() for text in (name, value)) and name != ""
