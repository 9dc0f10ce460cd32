"""Finding models by their names, and the prices of a day."""

from __future__ import annotations

import datetime

import pytest

from llmring.registry import Catalog, RegistryModel
from llmring.registry.catalog import undated
from tests.llmring.registry.support import PRICE, model


def named(name: str, *aliases: str) -> RegistryModel:
    return model(model_name=name, model_aliases=list(aliases), input=1.0, output=2.0)


MODELS = Catalog(
    "openai",
    [
        named("gpt-4o", "chatgpt"),
        named("gpt-4o-2024-05-13"),
        named("opus-20250101"),
        named("opus-20250805"),
        named("ft:gpt-4o"),
    ],
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gpt-4o", "gpt-4o"),
        ("chatgpt", "gpt-4o"),
        ("GPT-4o", "gpt-4o"),
        ("models/gpt-4o", "gpt-4o"),
        ("gpt-4o-2024-11-20", "gpt-4o"),
        ("chatgpt-latest", "gpt-4o"),
        ("gpt-4o-2024-05-13", "gpt-4o-2024-05-13"),
        ("opus", "opus-20250805"),
        ("opus-20250101", "opus-20250101"),
        ("ft:gpt-4o-2024-08-06:org::id", "ft:gpt-4o"),
    ],
)
def test_a_model_is_found_by(asked: str, found: str) -> None:
    hit = MODELS.find(asked)
    assert hit is not None
    assert hit.model_name == found


@pytest.mark.parametrize("asked", ["", "gpt", "gpt-4o-mini", "opus-20260101", "x" * 10_000])
def test_what_is_another_model_is_not_found(asked: str) -> None:
    assert MODELS.find(asked) is None


@pytest.mark.parametrize(
    "name",
    ["m-2025-04-14", "m-20250929", "m@20250929", "m-001", "m-0613", "m-preview-05-20",
     "m-preview-09-2025", "m-latest"],
)  # fmt: skip
def test_a_state_is_cut_off(name: str) -> None:
    assert undated(name) == "m"


@pytest.mark.parametrize(
    "name", ["gpt-5.1", "o3-mini", "gemini-2.5-pro", "claude-opus-4-1", "m-70b"]
)
def test_a_number_that_is_no_state_stays(name: str) -> None:
    assert undated(name) == name


def test_an_alias_never_hides_a_model() -> None:
    both = Catalog("openai", [named("a", "b"), named("b")])
    assert [both.find(name).model_name for name in "ab"] == ["a", "b"]  # type: ignore[union-attr]


def test_the_first_of_two_models_has_an_alias_that_both_claim() -> None:
    both = Catalog("openai", [named("a", "x"), named("b", "x")])
    found = both.find("x")
    assert found is not None
    assert found.model_name == "a"


def test_near_names_are_told_nearest_first() -> None:
    assert MODELS.near("gpt4o")[0] == "gpt-4o"
    assert MODELS.near("zzz") == []


def test_a_model_is_near_once_whatever_its_aliases() -> None:
    alike = Catalog("openai", [named("model-1", "model-1a", "model-1b"), named("model-2")])
    assert sorted(alike.near("model-x")) == ["model-1", "model-2"]


def test_announced_prices_hold_from_their_day_on() -> None:
    change = {"effective_date": "2026-12-01", f"{PRICE}input": 4.0, f"{PRICE}output": 8.0}
    before = Catalog("openai", [model(input=2.0, output=4.0, announced_prices=[change])])
    found = [
        before.on(datetime.date(2026, month, day)).models["m"].rates.input
        for month, day in [(11, 30), (12, 1), (12, 2)]
    ]
    assert found == [2 * 10**12, 4 * 10**12, 4 * 10**12]


def test_the_newest_announced_prices_hold() -> None:
    changes = [
        {"effective_date": f"2026-{month}-01", f"{PRICE}input": price}
        for month, price in [("12", 4.0), ("11", 3.0)]
    ]
    one = model(input=2.0, announced_prices=changes)
    assert one.rates.input == 2 * 10**12
    assert one.as_of(datetime.date(2027, 1, 1)).rates.input == 4 * 10**12
