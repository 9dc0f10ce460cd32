"""What the tests of telemetry share: an SDK that keeps all it is given, and answers as told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from typing import Any

import pytest
from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from LLM import instrument, uninstrument
from tests import worlds
from tests.client.conftest import api, make, world

__all__ = ["api", "make", "world"]  # fixtures


class Seen:
    """All that was recorded."""

    def __init__(self) -> None:
        self._exporter = InMemorySpanExporter()
        self._reader = InMemoryMetricReader()
        self.tracers = TracerProvider(shutdown_on_exit=False)
        self.tracers.add_span_processor(SimpleSpanProcessor(self._exporter))
        self.meters = MeterProvider([self._reader], shutdown_on_exit=False)

    def record(self, **settings: Any) -> None:
        """Turn telemetry on."""
        instrument(self.tracers, self.meters, **settings)

    @property
    def spans(self) -> list[ReadableSpan]:
        """The spans that have ended, in the order in which they did."""
        return list(self._exporter.get_finished_spans())

    @property
    def span(self) -> ReadableSpan:
        """The only one."""
        (span,) = self.spans
        return span

    def wait_for(self, n_spans: int) -> None:
        """Wait until so many spans have ended: a server ends its own after its client has all."""
        end = time.monotonic() + 30
        while len(self.spans) < n_spans and time.monotonic() < end:
            threading.Event().wait(0.005)
        assert len(self.spans) == n_spans

    @property
    def metrics(self) -> dict[str, Any]:
        """The metrics by their names."""
        data = self._reader.get_metrics_data()
        return {
            metric.name: metric
            for resource in (data.resource_metrics if data else ())
            for scope in resource.scope_metrics
            for metric in scope.metrics
        }

    def points(self, name: str) -> list[Any]:
        """The points of a metric; none where nothing was measured."""
        metric = self.metrics.get(name)
        return list(metric.data.data_points) if metric else []

    def text(self) -> str:
        """Everything that was exported, to look for what must not be there."""
        spans = [span.to_json() for span in self.spans]
        return "\n".join([*spans, *(metric.to_json() for metric in self.metrics.values())])


@pytest.fixture
def seen() -> Iterator[Seen]:
    """What is recorded while the test runs; nothing of content."""
    kept = Seen()
    kept.record()
    yield kept
    uninstrument()
    kept.tracers.shutdown()
    kept.meters.shutdown()


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """No wait between tries is real."""
    return worlds.record_sleeps(monkeypatch)
