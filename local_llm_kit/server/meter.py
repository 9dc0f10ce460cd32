"""How long answers take, token by token, and how many tokens they have; for each model.

Source: https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-metrics/ for the names.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter, Histogram

from local_llm_kit.server.counts import TokenCounts

#: Begins the names of all our metrics.
PREFIX = "local_llm_kit"
#: Seconds. A token takes from a fifth of a millisecond (tiny) to seconds (a large model on a CPU),
#: a prompt up to minutes.
_TOKEN_BUCKETS = (
    0.0002, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.25, 2.5, 5,
)  # fmt: skip
ANSWER_BUCKETS = (
    0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600,
)  # fmt: skip


class AnswerMetrics:
    """What is told of each model's answers."""

    def __init__(self, registry: CollectorRegistry) -> None:
        def histogram(name: str, text: str, buckets: Sequence[float]) -> Histogram:
            return Histogram(
                f"{PREFIX}_{name}_seconds", text, ("model",), buckets=buckets, registry=registry
            )

        def counter(name: str, text: str) -> Counter:
            return Counter(f"{PREFIX}_{name}", text, ("model",), registry=registry)

        self._first = histogram(
            "time_to_first_token",
            "From a request that was read to its first token: loading, queue and prompt included.",
            ANSWER_BUCKETS,
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

    def children(self, model: str) -> ModelChildren:
        """The metrics of one model; looking them up takes longer than an observation."""
        return ModelChildren(
            self._first.labels(model),
            self._per_token.labels(model),
            self._gap.labels(model),
            self._prompt.labels(model),
            self._cached.labels(model),
            self._generated.labels(model),
        )


@dataclass(frozen=True, slots=True)
class ModelChildren:
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

    def __init__(self, children: ModelChildren, began: float) -> None:
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
