"""Choosing tokens: filters, seeds, penalties, log probabilities."""

from __future__ import annotations

import math
from collections import Counter
from typing import Any

import numpy as np
import pytest

from LLM import LLMServerError
from local_llm_kit.engines.protocol import SamplingParams
from local_llm_kit.engines.sampling import Row, Sampler, log_probabilities, top_ids

pytestmark = pytest.mark.slow

LOGITS = np.log(np.array([0.5, 0.25, 0.15, 0.06, 0.04], np.float32))


def draws(row: Row, n: int = 2000, **params: Any) -> Counter[int]:
    sampler = Sampler(SamplingParams(seed=1, **params))
    return Counter(sampler.pick(row) for _ in range(n))


def test_temperature_zero_takes_the_likeliest() -> None:
    assert draws(LOGITS, 10, temperature=0) == {0: 10}


def test_draws_follow_the_probabilities() -> None:
    counts = draws(LOGITS, 20_000)
    assert [counts[i] / 20_000 for i in range(5)] == pytest.approx(
        [0.5, 0.25, 0.15, 0.06, 0.04], abs=0.015
    )


@pytest.mark.parametrize(
    ("params", "kept"),
    [
        ({"top_k": 2}, {0, 1}),
        ({"top_p": 0.5}, {0}),
        ({"top_p": 0.7}, {0, 1}),
        ({"top_p": 0.95}, {0, 1, 2, 3}),
        ({"min_p": 0.29}, {0, 1, 2}),
        ({"top_k": 3, "top_p": 0.8}, {0, 1}),
        ({"temperature": 0.5, "top_p": 0.9}, {0, 1}),
    ],
    ids=str,
)
def test_filters_keep_exactly_their_tokens(params: dict[str, float], kept: set[int]) -> None:
    assert set(draws(LOGITS, **params)) == kept


def test_top_p_of_a_flat_row_keeps_its_share_of_tokens() -> None:
    row = np.zeros(1000, np.float32)
    assert len(draws(row, 5000, top_p=0.1)) == 100


@pytest.mark.slow
def test_top_p_agrees_with_sorting_everything() -> None:
    row = np.random.default_rng(3).normal(0, 3, 5000).astype(np.float32)
    weights = np.exp(row.astype(np.float64) - row.max())
    order = np.argsort(-weights)
    n_kept = int(np.searchsorted(np.cumsum(weights[order]), 0.9 * weights.sum())) + 1
    assert set(draws(row, 20_000, top_p=0.9)) <= set(order[:n_kept].tolist())


def test_draws_from_a_long_row_follow_the_probabilities() -> None:
    row = np.full(10_001, -1.0, np.float32)
    row[[3, 700, 10_000]] = 9.0
    counts = draws(row, 3000)
    assert [round(counts[place] / 3000, 1) for place in (3, 700, 10_000)] == [0.3, 0.3, 0.3]


def test_the_last_digits_of_the_logits_do_not_change_a_draw() -> None:
    rng = np.random.default_rng(5)
    rows = [rng.normal(0, 1, 1000).astype(np.float32) for _ in range(300)]
    here, there = Sampler(SamplingParams(seed=9)), Sampler(SamplingParams(seed=9))
    noise = rng.normal(0, 1e-6, 1000).astype(np.float32)
    assert [here.pick(row) for row in rows] == [there.pick(row + noise) for row in rows]


def test_one_seed_gives_one_sequence_and_others_differ() -> None:
    def sequence(seed: int | None) -> list[int]:
        sampler = Sampler(SamplingParams(seed=seed))
        return [sampler.pick(LOGITS) for _ in range(50)]

    assert sequence(7) == sequence(7)
    assert sequence(7) != sequence(8)
    assert sequence(None) != sequence(None)


def test_bias_forbids_and_forces() -> None:
    assert set(draws(LOGITS, logit_bias=((0, -100.0), (1, -100.0)))) == {2, 3, 4}
    assert set(draws(LOGITS, logit_bias=((4, 100.0),))) == {4}


def test_frequency_penalty_grows_with_each_use() -> None:
    sampler = Sampler(SamplingParams(temperature=0, frequency_penalty=0.5))
    row = np.array([1.0, 0.4, 0.0], np.float32)
    assert [sampler.pick(row) for _ in range(4)] == [0, 0, 1, 0]


def test_repetition_penalty_counts_the_prompt() -> None:
    sampler = Sampler(SamplingParams(temperature=0, repetition_penalty=2.0), prompt=[0, 0])
    assert sampler.pick(np.array([1.0, 0.9], np.float32)) == 1


def test_picking_leaves_the_row_as_it_is() -> None:
    row = LOGITS.copy()
    Sampler(SamplingParams(presence_penalty=1, logit_bias=((1, 5.0),))).pick(row)
    assert np.array_equal(row, LOGITS)


@pytest.mark.parametrize("bad", [math.nan, math.inf])
def test_logits_that_are_no_numbers_are_an_error(bad: float) -> None:
    row = np.array([0.0, bad, 1.0], np.float32)
    with pytest.raises(LLMServerError, match="no probability"):
        Sampler(SamplingParams()).pick(row)


def test_log_probabilities_are_those_of_the_row() -> None:
    logprob, top = log_probabilities(LOGITS, 1, 2)
    assert logprob == pytest.approx(math.log(0.25), abs=1e-6)
    assert [token for token, _ in top] == [0, 1]


def test_top_ids_breaks_ties_by_place() -> None:
    assert top_ids(np.array([1, 2, 2, 2, 0], np.float32), 2).tolist() == [1, 2]
