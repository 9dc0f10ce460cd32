"""How much each generation of Gemini thinks."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.llm.gemini.thinking import budget_config, can_do_without, effort_config, least_config

#: What each model takes for the least thinking, and whether that is as good as none.
LEAST: dict[str, tuple[dict[str, Any] | None, bool]] = {
    "gemini-2.0-flash": (None, False),
    "gemini-2.5-pro": ({"thinkingBudget": 128}, False),
    "models/gemini-2.5-flash": ({"thinkingBudget": 0}, True),
    "gemini-2.5-flash-lite": ({"thinkingBudget": 0}, True),
    "gemini-2.5-flash-preview-05-20": ({"thinkingBudget": 0}, True),
    "gemini-2.5-flash-image": (None, False),
    "gemini-2.5-pro-preview-tts": (None, False),
    "gemini-3-pro-preview": ({"thinkingLevel": "LOW"}, False),
    "gemini-3-flash-preview": ({"thinkingLevel": "MINIMAL"}, True),
    "gemini-3.1-flash-lite": ({"thinkingLevel": "MINIMAL"}, True),
    "gemini-3.6-flash": ({"thinkingLevel": "MINIMAL"}, True),
    "gemini-3.8-flash": ({"thinkingLevel": "LOW"}, False),
    "gemini-3.1-flash-live-preview": (None, False),
    "gemini-embedding-2": (None, False),
    "gemma-3-27b-it": (None, False),
}
#: Tokens, and the configuration without `includeThoughts`, by model.
BUDGETS: list[tuple[str, int, dict[str, Any]]] = [
    ("gemini-2.5-flash", 2000, {"thinkingBudget": 2000}),
    ("gemini-2.5-flash", 100_000, {"thinkingBudget": 24_576}),
    ("gemini-2.5-flash-lite", 100, {"thinkingBudget": 512}),
    ("gemini-2.5-pro", 1, {"thinkingBudget": 128}),
    ("gemini-2.5-pro", 30_000, {"thinkingBudget": 30_000}),
    ("gemini-3.6-flash", 1, {"thinkingLevel": "MINIMAL"}),
    ("gemini-3.8-flash", 1, {"thinkingLevel": "LOW"}),
    ("gemini-3.8-flash", 1024, {"thinkingLevel": "LOW"}),
    ("gemini-3.8-flash", 8192, {"thinkingLevel": "MEDIUM"}),
    ("gemini-3.8-flash", 24_576, {"thinkingLevel": "HIGH"}),
    ("gemini-3-pro-preview", 8192, {"thinkingLevel": "LOW"}),
    ("gemini-3.1-pro-preview", 8192, {"thinkingLevel": "MEDIUM"}),
]


@pytest.mark.parametrize("model", LEAST)
def test_the_least_thinking_is_what_the_model_takes(model: str) -> None:
    least, is_none = LEAST[model]
    assert (least_config(model), can_do_without(model)) == (least, is_none)
    assert budget_config(0, model) == least


@pytest.mark.parametrize(("model", "n_tokens", "config"), BUDGETS)
def test_tokens_become_a_budget_or_a_level(
    model: str, n_tokens: int, config: dict[str, Any]
) -> None:
    assert budget_config(n_tokens, model) == {**config, "includeThoughts": True}


def test_no_model_that_does_not_think_is_given_a_budget() -> None:
    assert budget_config(1000, "gemini-2.0-flash") is None


@pytest.mark.parametrize(
    ("model", "config"),
    [
        ("gemini-2.5-pro", {"thinkingBudget": 128}),
        ("gemini-3.6-flash", {"thinkingLevel": "MINIMAL"}),
        ("gemini-flash-latest", {"thinkingLevel": "LOW"}),
        ("gemini-2.0-flash", {"thinkingBudget": 0}),
    ],
)
def test_no_effort_is_the_least_that_the_model_takes(model: str, config: dict[str, Any]) -> None:
    assert effort_config("none", model) == config
