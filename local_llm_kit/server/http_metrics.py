"""Requests by route, in Prometheus' text format: what all our servers count."""

from __future__ import annotations

from collections.abc import Iterator

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.metrics_core import Metric
from starlette.types import Scope

from local_llm_kit.server.meter import ANSWER_BUCKETS

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

#: Those that are told of by name; a client may make up others without end.
METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))


class _Registry(CollectorRegistry):
    """Leaves out when each counter was made: a third of the text, and no Prometheus needs it."""

    def collect(self) -> Iterator[Metric]:
        """The metrics without those times."""
        for metric in super().collect():
            metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
            yield metric


def quiet_registry() -> CollectorRegistry:
    """A registry of one server's own, which leaves out what no Prometheus needs."""
    return _Registry(auto_describe=False)


class HTTPMetrics:
    """The requests of one server. Things are counted in the event loop, and told on any thread.

    :param prefix: begins the names of all metrics.
    """

    def __init__(self, prefix: str) -> None:
        self.registry = registry = quiet_registry()
        self.in_flight = Gauge(
            f"{prefix}_http_requests_in_flight", "Requests being answered.", registry=registry
        )
        self._requests = Counter(
            f"{prefix}_http_requests",
            "Requests by route and status; 499 is a client that left before the answer.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            f"{prefix}_http_request_duration_seconds",
            "From a request's headers to the end of its answer.",
            ("route",),
            buckets=ANSWER_BUCKETS,
            registry=registry,
        )

    def request_ended(self, scope: Scope, status: int, took_s: float) -> None:
        """Count a request.

        :param took_s: seconds from its headers to the end of its answer.
        """
        # The template that matched: a client that makes up paths makes no new series.
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(took_s)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self.registry)
