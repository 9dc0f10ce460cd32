"""What `/metrics` tells, in Prometheus' text format.

Each server has a registry of its own, so that several in one process do not mix. What happens is
counted when it happens; what is the case now, such as the queue, is looked up when it is asked for.
Labels are few by construction: routes are templates, models are those that were loaded.

Source: https://prometheus.io/docs/practices/naming/, and for the names of latencies
https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector
from starlette.types import Scope

from local_llm_kit.engines.protocol import EngineStats
from local_llm_kit.server.counts import TokenCounts

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"

_PREFIX = "local_llm_kit"
#: Seconds. A token takes from a fifth of a millisecond (tiny) to seconds (a large model on a CPU),
#: a prompt up to minutes.
_TOKEN_BUCKETS = (
    0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.25, 2.5, 5,
)  # fmt: skip
_ANSWER_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
)  # fmt: skip
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


class Metrics:
    """The metrics of one server. Used in the event loop alone.

    :param look: tells how the server is now.
    """

    def __init__(self, look: Callable[[], ServerNow]) -> None:
        self._registry = registry = CollectorRegistry(auto_describe=False)
        registry.register(_Now(look))
        self.in_flight = Gauge(
            f"{_PREFIX}_http_requests_in_flight", "Requests being answered.", registry=registry
        )
        self._requests = Counter(
            f"{_PREFIX}_http_requests",
            "Requests by route and status; 499 is a client that left before the answer.",
            ("method", "route", "status"),
            registry=registry,
        )
        self._seconds = Histogram(
            f"{_PREFIX}_http_request_duration_seconds",
            "From a request's headers to the end of its answer.",
            ("route",),
            buckets=_ANSWER_BUCKETS,
            registry=registry,
        )
        self._of_models = _AnswerMetrics(registry)
        self._children: dict[str, _AnswerChildren] = {}

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

    def _of(self, model: str) -> _AnswerChildren:
        if model not in self._children:  # a look-up by labels takes longer than an observation
            self._children[model] = self._of_models.children(model)
        return self._children[model]


class _AnswerMetrics:
    """What is told of each model's answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(
                f"{_PREFIX}_{name}_seconds", text, ("model",), buckets=buckets, registry=registry
            )

        def counter(name: str, text: str) -> Counter:
            return Counter(f"{_PREFIX}_{name}", text, ("model",), registry=registry)

        self._first = histogram(
            "time_to_first_token",
            "From a request that was read to its first token: loading, queue and prompt included.",
            _ANSWER_BUCKETS,
        )
        self._per_token = histogram(
            "time_per_output_token",
            "Mean time between the tokens of an answer, one observation an answer.",
            _TOKEN_BUCKETS,
        )
        self._gap = histogram(
            "delivery_gap",
            "Between two deliveries to one answer, each of one or more tokens.",
            _TOKEN_BUCKETS,
        )
        self._prompt = counter("prompt_tokens", "Tokens of prompts, those in the cache included.")
        self._cached = counter("cached_tokens", "Tokens of prompts that were found in the cache.")
        self._generated = counter("generated_tokens", "Tokens of answers.")

    def children(self, model: str) -> _AnswerChildren:
        return _AnswerChildren(
            self._first.labels(model),
            self._per_token.labels(model),
            self._gap.labels(model),
            self._prompt.labels(model),
            self._cached.labels(model),
            self._generated.labels(model),
        )


@dataclass(frozen=True, slots=True)
class _AnswerChildren:
    """The metrics of one model."""

    first: Histogram
    per_token: Histogram
    gap: Histogram
    prompt_tokens: Counter
    cached_tokens: Counter
    generated_tokens: Counter


class Meter:
    """Times one answer.

    :param children: where to.
    :param began: when its request was read, by `time.perf_counter`.
    """

    __slots__ = ("_began", "_children", "_first", "_last")

    def __init__(self, children: _AnswerChildren, began: float) -> None:
        self._children = children
        self._began = began
        self._first = self._last = 0.0

    def delivered(self) -> None:
        """Note that a step brought something."""
        now = time.perf_counter()
        if self._last:
            self._children.gap.observe(now - self._last)
        else:
            self._first = now
            self._children.first.observe(now - self._began)
        self._last = now

    def ended(self, counts: TokenCounts, n_sequences: int) -> None:
        """Count the answer's tokens; of a client that left, only what had ended.

        :param n_sequences: how many were written side by side.
        """
        children = self._children
        children.prompt_tokens.inc(counts.prompt)
        children.cached_tokens.inc(counts.cached)
        children.generated_tokens.inc(counts.generated)
        if counts.generated > n_sequences:
            n_gaps = counts.generated / n_sequences - 1
            children.per_token.observe((self._last - self._first) / n_gaps)


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
            family = GaugeMetricFamily(f"{_PREFIX}_{name}", text, labels=("model",))
            for model in now.models:
                family.add_metric((model.name,), value(model))
            yield family
        for name, text, value in _COUNTERS:
            counter = CounterMetricFamily(f"{_PREFIX}_{name}", text, labels=("model",))
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
    return GaugeMetricFamily(f"{_PREFIX}_{name}", text, value)
