"""Choosing a token from a row of logits, in numpy.

Order, as at OpenAI and Hugging Face: bias and penalties, temperature, top-k, top-p, min-p. Sorting
a vocabulary of 150,000 costs milliseconds, so only the tokens that can matter are sorted: those
less likely than (1 - top_p) / n together weigh less than 1 - top_p, hence the nucleus is among the
others.

The draw is a race: each token has an exponential time, a hash of seed, step and token id, divided
by its weight, and the first one home is taken. That gives each its probability, as drawing a place
on the running sum of weights would, but bears the last digits of the logits, which depend on what
else is in the batch: a sum of 1,000 small weights moves a drawn place past a border once in some
500 tokens, the two fastest of a race are that close once in a million.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from LLM.exceptions import LLMServerError
from local_llm_kit.engines.compute import Row
from local_llm_kit.engines.protocol import SamplingParams

#: First guess of how unlikely a nucleus token can be, against the likeliest one.
_NUCLEUS_GUESS = 1e-3
#: Weights below this, against the likeliest one, never win a race.
_NEGLIGIBLE = 1e-12
_MASK = (1 << 64) - 1
#: The system's own would let go of the interpreter, which a busy engine then keeps.
_SEEDS = random.Random()


class TokenCounts:
    """How often each token was seen, as arrays that grow: O(distinct tokens) to read."""

    def __init__(self, tokens: Iterable[int] = ()) -> None:
        self._index: dict[int, int] = {}
        self._ids = np.zeros(64, np.int64)
        self._counts = np.zeros(64, np.float32)
        for token in tokens:
            self.add(token)

    def add(self, token: int) -> None:
        """Count one more of `token`."""
        place = self._index.setdefault(token, len(self._index))
        if place == len(self._ids):
            self._ids = np.resize(self._ids, 2 * place)
            self._counts = np.concatenate([self._counts, np.zeros(place, np.float32)])
        self._ids[place] = token
        self._counts[place] += 1

    @property
    def ids(self) -> npt.NDArray[np.int64]:
        """The tokens seen, each once."""
        return self._ids[: len(self._index)]

    @property
    def counts(self) -> Row:
        """How often each of `ids` was seen."""
        return self._counts[: len(self._index)]


class Sampler:
    """Chooses the tokens of one sequence.

    :param params: how.
    :param prompt: the prompt's token ids, which the repetition penalty counts too.
    :ivar plain: True when the choice is the row's argmax, so that a whole batch can be
        chosen at once, where the logits are.
    """

    def __init__(self, params: SamplingParams, prompt: Iterable[int] = ()) -> None:
        self._params = params
        self._seed = _SEEDS.getrandbits(64) if params.seed is None else params.seed
        self._step = 0
        penalised = bool(params.frequency_penalty or params.presence_penalty)
        self._generated = TokenCounts() if penalised else None
        self._seen = TokenCounts(prompt) if params.repetition_penalty != 1.0 else None
        self._bias_ids = np.array([token for token, _ in params.logit_bias], np.int64)
        self._bias = np.array([value for _, value in params.logit_bias], np.float32)
        self._adjusts = bool(penalised or self._seen is not None or params.logit_bias)
        self.plain = params.temperature == 0 and not self._adjusts

    def pick(self, row: Row) -> int:
        """The next token.

        :param row: (n_vocab,) float32 logits; left as they are.
        :raises LLMServerError: the logits are not numbers.
        """
        token = self._pick(self._adjusted(row) if self._adjusts else row)
        self._step += 1
        self.note(token)
        return token

    def note(self, token: int) -> None:
        """Count a token for the penalties; `pick` does it itself."""
        if self._generated is not None:
            self._generated.add(token)
        if self._seen is not None:
            self._seen.add(token)

    def _adjusted(self, row: Row) -> Row:
        row = row.copy()
        params = self._params
        if self._seen is not None:
            values = row[self._seen.ids]
            penalty = np.float32(params.repetition_penalty)
            row[self._seen.ids] = np.where(values > 0, values / penalty, values * penalty)
        if self._generated is not None:
            row[self._generated.ids] -= (
                params.frequency_penalty * self._generated.counts + params.presence_penalty
            )
        if len(self._bias_ids):
            row[self._bias_ids] += self._bias
        return row

    def _pick(self, row: Row) -> int:
        params = self._params
        best = int(row.argmax())
        peak = _checked(float(row[best]))
        if params.temperature == 0:
            return best
        ids: npt.NDArray[np.int64] | None = None
        if 0 < params.top_k < len(row):
            ids = top_ids(row, params.top_k)
            row = row[ids]
        # Below 1e-3 the division would overflow float32 for no visible gain.
        weights = np.exp((row - peak) * np.float32(1 / max(params.temperature, 1e-3)))
        places = self._kept(weights)
        tokens = places if ids is None else ids[places]
        if len(tokens) == 1:
            return int(tokens[0])
        times = exponential_times(self._seed, self._step, tokens) / weights[places]
        return int(tokens[times.argmin()])

    def _kept(self, weights: Row) -> npt.NDArray[np.int64]:
        """Places of the weights that top-p and min-p keep; the largest weight is 1."""
        params = self._params
        if params.top_p == 1:
            return (weights >= max(_NEGLIGIBLE, params.min_p)).nonzero()[0]
        total = float(weights.sum())
        target = params.top_p * total
        if target <= 1:  # the likeliest token alone is the nucleus
            return np.array([weights.argmax()])
        places = _nucleus_candidates(weights, target, total)
        candidates = weights[places]
        order = candidates.argsort()[::-1]
        ordered = candidates[order]
        n_kept = int(ordered.cumsum(dtype=np.float64).searchsorted(target)) + 1
        if params.min_p > 0:
            n_kept = min(n_kept, int(np.count_nonzero(ordered >= params.min_p)))
        return places[order[:n_kept]]


def _checked(peak: float) -> float:
    """The highest logit of a row, if there are probabilities at all."""
    if not math.isfinite(peak):
        raise LLMServerError(
            f"the model gave a logit of {peak!r}, which is no probability; "
            "the weights are damaged or the computation overflowed",
            status_code=500,
        )
    return peak


def exponential_times(
    seed: int, step: int, tokens: npt.NDArray[np.int64]
) -> npt.NDArray[np.float64]:
    """An exponentially distributed number for each token, the same whenever it is asked for.

    :return: (len(tokens),) float64. Source: the finaliser of SplitMix64 (Steele et al., 2014).
    """
    start = ((seed & _MASK) * 0xD1342543DE82EF95 + step * 0xA0761D6478BD642F) & _MASK
    x = tokens.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) + np.uint64(start)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    x ^= x >> np.uint64(31)
    uniform = ((x >> np.uint64(11)).astype(np.float64) + 0.5) * 2.0**-53
    times: npt.NDArray[np.float64] = -np.log(uniform)
    return times


def _nucleus_candidates(weights: Row, target: float, total: float) -> npt.NDArray[np.int64]:
    """Places of all weights that can be in the nucleus, in order of place."""
    places = (weights > _NUCLEUS_GUESS).nonzero()[0]
    if float(weights[places].sum()) < target:
        places = (weights >= max(total - target, 0.0) / len(weights)).nonzero()[0]
    return places


def top_ids(row: Row, k: int) -> npt.NDArray[np.int64]:
    """The `k` largest of `row` by place, ties to the smaller place."""
    k = min(k, len(row))
    limit = np.partition(row, len(row) - k)[len(row) - k]
    above = np.flatnonzero(row > limit)
    ties = np.flatnonzero(row == limit)[: k - len(above)]
    return np.sort(np.concatenate([above, ties]))


def log_probabilities(row: Row, token: int, n: int) -> tuple[float, list[tuple[int, float]]]:
    """Log probability of `token`, and of the `n` likeliest tokens, likeliest first.

    :param row: (n_vocab,) float32 logits as the model gave them.
    :raises LLMServerError: the logits are not numbers.
    """
    peak = _checked(float(row.max()))
    log_total = peak + math.log(float(np.exp(row - peak).sum(dtype=np.float64)))
    top: list[tuple[int, float]] = []
    if n:
        ids: npt.NDArray[Any] = top_ids(row, n)
        ids = ids[np.argsort(-row[ids], kind="stable")]
        top = [(int(i), min(float(row[i]) - log_total, 0.0)) for i in ids]
    return min(float(row[token]) - log_total, 0.0), top
