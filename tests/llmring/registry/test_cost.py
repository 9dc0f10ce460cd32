"""Costs: which tokens have which price, exact sums, and when there is none."""

from __future__ import annotations

import copy
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from LLM.types import Usage
from llmring.registry import cost, usage_with_cost
from tests.llmring.registry.support import model

CACHING = model(input=3.0, output=15.0, cache_read=0.3, cache_write_5m=3.75, cache_write_1h=6.0)
ANTHROPIC_USAGE: dict[str, Any] = {
    "prompt_tokens": 1000,
    "completion_tokens": 200,
    "cache_read_input_tokens": 300,
    "cache_creation_input_tokens": 150,
    "cache_creation": {"ephemeral_5m_input_tokens": 90, "ephemeral_1h_input_tokens": 40},
}
LONG = {
    "input": 2.0, "output": 10.0, "cache_read": 0.2, "input_long_context": 4.0,
    "output_long_context": 15.0, "supports_long_context_pricing": True,
    "long_context_threshold_tokens": 1000,
}  # fmt: skip


def costs(usage: dict[str, Any], **fields: Any) -> dict[str, float]:
    """The parts that are not zero, in millionths of a dollar."""
    found = cost(usage, model(**fields)).costs
    assert found is not None
    return {k: round(v * 1e6, 6) for k, v in found.items() if "_cost" in k and v}


def test_prompt_and_answer_have_their_prices() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 5}
    found = costs(usage, input=2.0, output=8.0)
    assert found == {"input_cost": 20, "output_cost": 40, "total_cost": 60}


def test_each_token_of_a_cached_prompt_is_billed_once() -> None:
    found = cost(ANTHROPIC_USAGE, CACHING).costs
    assert found is not None
    parts = ["input_cost", "cache_read_cost", "cache_write_cost_5m", "cache_write_cost_1h",
             "cache_write_cost_other", "output_cost", "total_cost"]  # fmt: skip
    fresh = 1000 - 300 - 150
    expected = [fresh * 3, 300 * 0.3, 90 * 3.75, 40 * 6, 20 * 3.75, 200 * 15]
    assert [found[part] * 1e6 for part in parts] == pytest.approx([*expected, sum(expected)])


@pytest.mark.parametrize(
    ("prices", "expected"),
    [({"cache_read": 1.0, "cached_input": 2.0}, 100), ({"cached_input": 2.0}, 200), ({}, 400)],
    ids=["its own", "cached input", "input"],
)
def test_cache_reads_take_the_nearest_price(prices: dict[str, float], expected: float) -> None:
    usage = {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 100}}
    assert costs(usage, input=4.0, output=0.0, **prices)["cache_read_cost"] == expected


def test_a_cache_read_for_nothing_is_not_billed_as_input() -> None:
    usage = {"prompt_tokens": 100, "prompt_tokens_details": {"cached_tokens": 100}}
    assert costs(usage, input=4.0, output=0.0, cache_read=0.0) == {}


def test_openai_cache_writes_have_their_price() -> None:
    usage = {"prompt_tokens": 100, "prompt_tokens_details": {"cache_write_tokens": 40}}
    found = costs(usage, input=1.0, output=0.0, cache_write=1.25)
    assert found == {"input_cost": 60, "cache_write_cost_other": 50, "total_cost": 110}


def test_thinking_is_output_unless_it_has_a_price() -> None:
    usage = {"completion_tokens": 100, "completion_tokens_details": {"reasoning_tokens": 70}}
    assert costs(usage, input=1.0, output=2.0) == {"output_cost": 200, "total_cost": 200}
    found = costs(usage, input=1.0, output=2.0, output_thinking=5.0)
    assert found == {"output_cost": 60, "reasoning_cost": 350, "total_cost": 410}


def test_no_more_is_thought_than_answered() -> None:
    usage = {"completion_tokens": 40, "completion_tokens_details": {"reasoning_tokens": 100}}
    found = costs(usage, input=1.0, output=2.0, output_thinking=5.0)
    assert found == {"reasoning_cost": 200, "total_cost": 200}


def test_the_excess_over_the_threshold_has_the_long_price() -> None:
    usage = {"prompt_tokens": 1500, "completion_tokens": 10}
    found = costs(usage, **LONG)
    assert found["input_cost"] == 1000 * 2 + 500 * 4
    assert found["long_context_input_cost"] == 500 * 4
    assert found["output_cost"] == 10 * 15
    assert found["total_cost"] == 1000 * 2 + 500 * 4 + 10 * 15


def test_a_whole_long_request_has_the_long_price_where_the_provider_bills_so() -> None:
    usage = {"prompt_tokens": 1500, "completion_tokens": 10, "cache_read_input_tokens": 600}
    fields = {**LONG, "long_context_scope": "request", "cache_read_long_context": 0.4}
    found = costs(usage, **fields)
    assert found["input_cost"] == found["long_context_input_cost"] == 900 * 4
    assert found["cache_read_cost"] == pytest.approx(600 * 0.4)
    assert found["output_cost"] == 10 * 15


def test_a_prompt_at_the_threshold_is_not_long() -> None:
    usage = {"prompt_tokens": 1000, "completion_tokens": 10}
    assert costs(usage, **LONG)["total_cost"] == 1000 * 2 + 10 * 10


@pytest.mark.parametrize("usage", [None, {}], ids=["none", "empty"])
def test_no_usage_has_no_price(usage: dict[str, Any] | None) -> None:
    assert cost(usage, CACHING) == ("no_usage", None)


@pytest.mark.parametrize(
    "prices", [{}, {"input": 1.0}, {"output": 1.0}], ids=["none", "no output", "no input"]
)
def test_a_price_that_is_needed_and_missing_is_said(prices: dict[str, float]) -> None:
    usage = {"prompt_tokens": 1, "completion_tokens": 1}
    assert cost(usage, model(**prices)) == ("no_pricing_in_registry", None)


def test_a_model_without_output_needs_no_output_price() -> None:
    assert costs({"prompt_tokens": 100}, input=0.02)["total_cost"] == 2


@pytest.mark.parametrize(
    "value", [None, -5, "12", True, float("nan"), float("inf"), [], {}], ids=repr
)
def test_what_is_no_count_is_nothing(value: Any) -> None:
    usage = {"prompt_tokens": value, "completion_tokens": 1, "prompt_tokens_details": value}
    assert costs(usage, input=1.0, output=1.0) == {"output_cost": 1, "total_cost": 1}
    usage = {"prompt_tokens": 1, "completion_tokens": value, "cache_creation": value}
    assert costs(usage, input=1.0, output=1.0) == {"input_cost": 1, "total_cost": 1}


def test_a_monstrous_count_is_cut() -> None:
    found = cost({"prompt_tokens": 10**400}, model(input=1e6, output=1.0))
    assert found.total == 1e15


def test_sums_are_exact_where_floats_are_not() -> None:
    usage = {"prompt_tokens": 3, "completion_tokens": 3}
    assert cost(usage, model(input=0.1, output=0.2)).total == float(Decimal("0.9") / 10**6)
    assert float(Decimal("0.9") / 10**6) != 3 * 0.1 / 1e6 + 3 * 0.2 / 1e6


def test_a_price_is_taken_as_it_is_written() -> None:
    assert model(input=999999.123456789).rates.input == 999_999_123_456_789_000


COUNTS = st.integers(min_value=0, max_value=10**9)


@given(COUNTS, COUNTS, COUNTS, COUNTS, COUNTS)
def test_parts_always_add_up_to_the_total(
    prompt: int, read: int, written: int, completion: int, thought: int
) -> None:
    usage = {
        "prompt_tokens": prompt,
        "cache_read_input_tokens": read,
        "cache_creation_input_tokens": written,
        "completion_tokens": completion,
        "completion_tokens_details": {"reasoning_tokens": thought},
    }
    found = cost(usage, model(output_thinking=3.0, **LONG)).costs
    assert found is not None
    parts = [v for k, v in found.items() if "_cost" in k and k not in ("total_cost",)]
    total = sum(map(Decimal, parts)) - Decimal(found["long_context_input_cost"])
    assert float(total) == pytest.approx(found["total_cost"], rel=1e-12, abs=1e-18)


def test_usage_is_never_changed() -> None:
    before = copy.deepcopy(ANTHROPIC_USAGE)
    told = usage_with_cost(ANTHROPIC_USAGE, cost(ANTHROPIC_USAGE, CACHING))
    assert before == ANTHROPIC_USAGE
    assert told["cost"] == pytest.approx(0.0053925)
    assert (told["cost_status"], told["prompt_tokens"]) == ("priced", 1000)


def test_the_breakdown_leaves_out_what_is_nothing() -> None:
    usage = {"prompt_tokens": 10, "completion_tokens": 0}
    told = usage_with_cost(usage, cost(usage, CACHING))
    assert told["cost_breakdown"] == {"input": 3e-05, "output": 0.0}


def test_usage_without_a_price_says_why() -> None:
    assert usage_with_cost(None, cost(None, CACHING)) == {"cost_status": "no_usage"}


def test_usage_of_a_client_is_priced_as_it_is_dumped() -> None:
    usage = Usage(prompt_tokens=10, completion_tokens=5, total_tokens=15)
    assert cost(usage.model_dump(), CACHING).total == pytest.approx(105e-6)
