"""Prices of jobs' answers, by the registry that comes along."""

from __future__ import annotations

from LLM.types import Usage
from llm_kit.prices import registry_price
from llmring.registry import Registry

USAGE = Usage(prompt_tokens=1000, completion_tokens=100, total_tokens=1100)


def test_an_answer_costs_what_the_registry_says() -> None:
    told = Registry().cost(USAGE.model_dump(), "openai:gpt-4o-mini").total
    assert told
    assert registry_price("openai")("gpt-4o-mini", USAGE) == told


def test_a_model_without_a_price_is_told_once() -> None:
    told: list[str] = []
    price = registry_price("openai", unknown=told.append)
    assert [price("no-such-model", USAGE) for _ in range(3)] == [None] * 3
    assert told == ["no-such-model"]


def test_tokens_that_a_cache_had_cost_less() -> None:
    cached = Usage.model_validate(
        {**USAGE.model_dump(), "prompt_tokens_details": {"cached_tokens": 900}}
    )
    price = registry_price("openai")
    assert (price("gpt-4o-mini", cached) or 1) < (price("gpt-4o-mini", USAGE) or 0)
