"""What `/metrics` tells, in Prometheus' text format.

Each server has a registry of its own, so that several in one process do not mix. What happens is
counted when it happens; what is the case now, such as the queue, is looked up when it is asked for.
Labels are few by construction: routes are templates, models are those that were loaded.

Source: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.metrics_core import Metric
from prometheus_client.registry import Collector

from local_llm_kit.engines.protocol import EngineStats
from local_llm_kit.server.http_metrics import HTTPMetrics
from local_llm_kit.server.meter import PREFIX, AnswerMetrics, Meter, ModelChildren


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


class Metrics(HTTPMetrics):
    """The metrics of one server. Things are counted in the event loop, and told on any thread.

    :param look: tells how the server is now.
    """

    def __init__(self, look: Callable[[], ServerNow]) -> None:
        super().__init__(PREFIX)
        self.registry.register(_Now(look))
        self._of_models = AnswerMetrics(self.registry)
        self._children: dict[str, ModelChildren] = {}

    def meter(self, model: str, began: float) -> Meter:
        """Times one answer.

        :param model: its model's own name.
        :param began: when its request was read, by `time.perf_counter`.
        """
        return Meter(self._of(model), began)

    def read(self, model: str, n_tokens: int) -> None:
        """Count tokens that a model read and wrote nothing for: embeddings."""
        self._of(model).prompt_tokens.inc(n_tokens)

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
