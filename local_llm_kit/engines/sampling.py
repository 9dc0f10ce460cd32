"""Choosing a token from a row of logits, in numpy.

Order, as at OpenAI and Hugging Face: bias and penalties, temperature, top-k, top-p, min-p. Sorting
a vocabulary of 150,000 costs milliseconds, so only the tokens that can matter are sorted: those
less likely than (1 - top_p) / n together weigh less than 1 - top_p, hence the nucleus is among the
others.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterable
from typing import Any

import numpy as np
import numpy.typing as npt

from LLM.exceptions import LLMServerError
from local_llm_kit.engines.protocol import SamplingParams

Row = npt.NDArray[np.float32]

#: First guess of how unlikely a nucleus token can be, against the likeliest one.
_NUCLEUS_GUESS = 1e-3
_BLOCK = 256


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
        chosen at once.
    """

    def __init__(self, params: SamplingParams, prompt: Iterable[int] = ()) -> None:
        self._params = params
        self._random = random.Random(params.seed).random
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
        if self._generated is not None:
            self._generated.add(token)
        if self._seen is not None:
            self._seen.add(token)
        return token

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
        peak = float(row[best])
        if not math.isfinite(peak):
            raise LLMServerError(
                f"the model gave a logit of {peak!r}, which is no probability; "
                "the weights are damaged or the computation overflowed",
                status_code=500,
            )
        if params.temperature == 0:
            return best
        ids: npt.NDArray[np.int64] | None = None
        if 0 < params.top_k < len(row):
            ids = top_ids(row, params.top_k)
            row = row[ids]
        # Below 1e-3 the division would overflow float32 for no visible gain.
        weights = np.exp((row - peak) * np.float32(1 / max(params.temperature, 1e-3)))
        place = self._draw(weights)
        return place if ids is None else int(ids[place])

    def _draw(self, weights: Row) -> int:
        """Place of a random weight after top-p and min-p; the largest weight is 1."""
        params = self._params
        if params.top_p == 1 and params.min_p == 0:
            return _weighted_place(weights, self._random())
        total = float(weights.sum())
        target = params.top_p * total
        if target <= 1:  # the likeliest token alone is the nucleus
            return int(weights.argmax())
        places = _nucleus_candidates(weights, target, total)
        candidates = weights[places]
        order = candidates.argsort()[::-1]
        ordered = candidates[order]
        sums = ordered.cumsum(dtype=np.float64)
        n_kept = min(int(sums.searchsorted(target)) + 1, len(sums))
        if params.min_p > 0:
            n_kept = min(n_kept, int(np.count_nonzero(ordered >= params.min_p)))
        drawn = int(sums[:n_kept].searchsorted(self._random() * sums[n_kept - 1], "right"))
        return int(places[order[min(drawn, n_kept - 1)]])


def _nucleus_candidates(weights: Row, target: float, total: float) -> npt.NDArray[np.int64]:
    """Places of all weights that can be in the nucleus, in order of place."""
    places = (weights > _NUCLEUS_GUESS).nonzero()[0]
    if float(weights[places].sum()) < target:
        places = (weights >= max(total - target, 0.0) / len(weights)).nonzero()[0]
    return places


def _weighted_place(weights: Row, share: float) -> int:
    """The place at which the running sum of `weights` passes this share of it.

    Sums of blocks are found first: a running sum over 150,000 weights takes milliseconds.
    """
    n_whole = len(weights) // _BLOCK * _BLOCK
    blocks = weights[:n_whole].reshape(-1, _BLOCK).sum(axis=1, dtype=np.float64)
    sums = np.append(blocks, weights[n_whole:].sum(dtype=np.float64)).cumsum()
    wanted = share * sums[-1]
    block = min(int(sums.searchsorted(wanted, "right")), len(sums) - 1)
    inside = weights[block * _BLOCK : (block + 1) * _BLOCK].cumsum(dtype=np.float64)
    before = sums[block - 1] if block else 0.0
    drawn = int(inside.searchsorted(wanted - before, "right"))
    return min(block * _BLOCK + drawn, len(weights) - 1)


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
    """
    peak = float(row.max())
    log_total = peak + math.log(float(np.exp(row - peak).sum(dtype=np.float64)))
    top: list[tuple[int, float]] = []
    if n:
        ids: npt.NDArray[Any] = top_ids(row, n)
        ids = ids[np.argsort(-row[ids], kind="stable")]
        top = [(int(i), min(float(row[i]) - log_total, 0.0)) for i in ids]
    return min(float(row[token]) - log_total, 0.0), top
