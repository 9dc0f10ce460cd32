"""What ``/metrics`` tells of a server beside its requests: usage that was noted, and its queues.

Labels are bounded: models and origins come from tenants, and what is beyond the first hundreds of
them is told as ``other``. Usage is every tenant's, so only the admin's key is told of it, or any
key of a server without an admin.

Source: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, generate_latest
from prometheus_client.core import GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from LLM.printable import printable
from local_llm_kit.server.http_metrics import HTTPMetrics, quiet_registry

if TYPE_CHECKING:
    from llmring.conversations.types import UsageRecord
    from llmring.server.service import Service

PREFIX = "llmring_server"
#: Combinations of provider, model and origin that have series of their own.
MAX_SERIES = 500
#: Characters of a label; names of models are shorter.
_MAX_LABEL_CHARS = 100
_OTHER = ("other", "other", "other")


class ServerMetrics(HTTPMetrics):
    """The metrics of one server, told on any thread.

    :param service: what the server has.
    """

    def __init__(self, service: Service) -> None:
        super().__init__(PREFIX)
        self.registry.register(_Now(service))
        self._usage = Usage()
        service.on_usage = self._usage.noted

    def text(self, *, with_usage: bool = False) -> bytes:
        """All of it, as Prometheus reads it.

        :param with_usage: what the tenants' calls were, too.
        """
        told = super().text()
        return told + generate_latest(self._usage.registry) if with_usage else told


class Usage:
    """Calls that tenants have noted since the server began."""

    def __init__(self) -> None:
        self.registry: CollectorRegistry = quiet_registry()
        labels = ("provider", "model", "origin")
        self._calls = Counter(
            f"{PREFIX}_usage_calls",
            "Calls in the usage log; one that is sent again counts again.",
            labels,
            registry=self.registry,
        )
        self._tokens = Counter(
            f"{PREFIX}_usage_tokens",
            "Tokens of those calls; cached ones are input, too.",
            (*labels, "kind"),
            registry=self.registry,
        )
        self._dollars = Counter(
            f"{PREFIX}_usage_cost_dollars",
            "What those calls cost, where it is known.",
            labels,
            registry=self.registry,
        )
        self._unpriced = Counter(
            f"{PREFIX}_usage_unpriced_calls",
            "Calls whose cost is not known.",
            labels,
            registry=self.registry,
        )
        self._series: set[tuple[str, str, str]] = set()
        self._lock = threading.Lock()

    def noted(self, records: Sequence[UsageRecord]) -> None:
        """Count calls that were written to the log."""
        for record in records:
            labels = self._labels(record)
            self._calls.labels(*labels).inc()
            for kind, n_tokens in (
                ("input", record.input_tokens),
                ("output", record.output_tokens),
                ("cached_input", record.cached_input_tokens),
            ):
                self._tokens.labels(*labels, kind).inc(n_tokens)
            if record.cost is None:
                self._unpriced.labels(*labels).inc()
            else:
                self._dollars.labels(*labels).inc(float(record.cost))

    def _labels(self, record: UsageRecord) -> tuple[str, str, str]:
        provider, model, origin = (
            # No lone surrogates, which names may have and the text of all metrics may not.
            printable(text)[:_MAX_LABEL_CHARS]
            for text in (record.provider, record.model, record.origin)
        )
        labels = provider, model, origin
        with self._lock:
            if labels not in self._series:
                if len(self._series) >= MAX_SERIES:
                    return _OTHER
                self._series.add(labels)
        return labels


class _Now(Collector):
    """What is the case when it is asked for."""

    def __init__(self, service: Service) -> None:
        self._service = service

    def collect(self) -> Iterable[Metric]:
        """The queue before the database, and the database's connections."""
        yield from self._gate()
        database = self._service.database
        pool = database.pool_now()
        family = GaugeMetricFamily(
            f"{PREFIX}_database_connections",
            "Connections to the database.",
            labels=("state",),
        )
        family.add_metric(("used",), pool.n_used)
        family.add_metric(("idle",), pool.n_idle)
        yield family
        yield _gauge("database_connections_max", "Most connections that are opened.", pool.n_max)
        yield _gauge(
            "database_operations",
            "Operations under way, those that wait for a connection or for their turn included.",
            pool.n_operations,
        )

    def _gate(self) -> Iterator[Metric]:
        gate = self._service.gate
        yield _gauge("requests_running", "Requests at the database.", gate.n_running)
        yield _gauge(
            "requests_waiting", "Requests, notes of calls among them, in the queue.", gate.n_waiting
        )


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value)
