"""What `/metrics` tells, in Prometheus' text format.

Each server has a registry of its own, so that several in one process do not mix. What happens is
counted when it happens; what is the case now, such as the queue, is looked up when it is asked for.
Labels are few by construction: routes are templates, models are those that were loaded.

Source: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from local_llm_kit.engines.protocol import EngineStats
from local_llm_kit.server.meter import ANSWER_BUCKETS, PREFIX, AnswerMetrics, Meter, ModelChildren

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_METHODS = frozenset(("DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"))


@dataclass(frozen=True, slots=True)
class ModelNow:
    """A loaded model at the moment.

    :param memory_bytes: what it was planned to take; of another program's model 0.
    """

    name: str
    stats: EngineStats
    memory_bytes: int


@dataclass(frozen=True, slots=True)
class ServerNow:
    """The server at the moment.

    :param models: those that are loaded.
    :param n_awaiting_load: requests that wait for a model to be loaded.
    :param n_preparing: requests at the threads beside the event loop, or waiting for one.
    """

    models: Sequence[ModelNow]
    n_awaiting_load: int
    n_preparing: int


class _Registry(CollectorRegistry):
    """Leaves out when each counter was made: a third of the text, and no Prometheus needs it."""

    def collect(self) -> Iterator[Metric]:
        """The metrics without those times."""
        for metric in super().collect():
            metric.samples = [one for one in metric.samples if not one.name.endswith("_created")]
            yield metric


class Metrics:
    """The metrics of one server. Things are counted in the event loop, and told on any thread.

    :param look: tells how the server is now.
    """

    def __init__(self, look: Callable[[], ServerNow]) -> None:
        self._registry = registry = _Registry(auto_describe=False)
        registry.register(_Now(look))
        self.in_flight = Gauge(
            f"{PREFIX}_http_requests_in_flight", "Requests being answered.", registry=registry
        )
        self._requests = Counter(
            f"{PREFIX}_http_requests",
            "Requests by route and status; 499 is a client that left before the answer.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            f"{PREFIX}_http_request_duration_seconds",
            "From a request's headers to the end of its answer.",
            ("route",),
            buckets=ANSWER_BUCKETS,
            registry=registry,
        )
        self._of_models = AnswerMetrics(registry)
        self._children: dict[str, ModelChildren] = {}

    def request_ended(self, scope: Scope, status: int, took_s: float) -> None:
        """Count a request.

        :param took_s: seconds from its headers to the end of its answer.
        """
        # The template that matched: a client that makes up paths makes no new series.
        route = getattr(scope.get("route"), "path", "none")
        method = scope["method"] if scope["method"] in _METHODS else "other"
        self._requests.labels(method, route, str(status)).inc()
        self._seconds.labels(route).observe(took_s)

    def meter(self, model: str, began: float) -> Meter:
        """Times one answer.

        :param model: its model's own name.
        :param began: when its request was read, by `time.perf_counter`.
        """
        return Meter(self._of(model), began)

    def read(self, model: str, n_tokens: int) -> None:
        """Count tokens that a model read and wrote nothing for: embeddings."""
        self._of(model).prompt_tokens.inc(n_tokens)

    def text(self) -> bytes:
        """All of it, as Prometheus reads it."""
        return generate_latest(self._registry)

    def _of(self, model: str) -> ModelChildren:
        if model not in self._children:
            self._children[model] = self._of_models.children(model)
        return self._children[model]


class _Now(Collector):
    """What is looked up when it is asked for."""

    def __init__(self, look: Callable[[], ServerNow]) -> None:
        self._look = look

    def collect(self) -> Iterable[Metric]:
        """One sample for each model, and those of the server."""
        now = self._look()
        yield _gauge("models_loaded", "Models in memory.", len(now.models))
        yield _gauge(
            "requests_awaiting_load",
            "Requests that wait for a model to be loaded.",
            now.n_awaiting_load,
        )
        yield _gauge(
            "requests_preparing",
            "Requests at the threads beside the event loop, or waiting for one.",
            now.n_preparing,
        )
        for name, text, value in _GAUGES:
            family = GaugeMetricFamily(f"{PREFIX}_{name}", text, labels=("model",))
            for model in now.models:
                family.add_metric((model.name,), value(model))
            yield family
        for name, text, value in _COUNTERS:
            counter = CounterMetricFamily(f"{PREFIX}_{name}", text, labels=("model",))
            for model in now.models:
                counter.add_metric((model.name,), value(model))
            yield counter


_Value = Callable[[ModelNow], float]
_GAUGES: tuple[tuple[str, str, _Value], ...] = (
    ("slots", "Sequences that can run at once.", lambda one: one.stats.n_slots),
    ("sequences_running", "Sequences that hold a slot.", lambda one: one.stats.n_running),
    ("sequences_waiting", "Sequences in the engine's queue.", lambda one: one.stats.n_waiting),
    ("model_memory_bytes", "Memory planned for a loaded model.", lambda one: one.memory_bytes),
)
#: Since the model was loaded; they begin anew when it is loaded again, as counters may.
_COUNTERS: tuple[tuple[str, str, _Value], ...] = (
    ("engine_steps", "Decoding steps.", lambda one: one.stats.n_steps),
    (
        "engine_tokens",
        "Tokens generated, those of clients that left included.",
        lambda one: one.stats.n_generated,
    ),
    ("engine_busy_seconds", "Time inside the model's code.", lambda one: one.stats.decode_s),
)


def _gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"{PREFIX}_{name}", text, value)
