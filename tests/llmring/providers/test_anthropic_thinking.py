"""How much Claude is asked to think, and the temperature that goes with it."""

from __future__ import annotations

from typing import Any

import pytest

from llmring.exceptions import ValidationError
from llmring.providers.anthropic.models import claude_model
from tests.llmring.providers.asked import call_of
from tests.llmring.providers.asked_anthropic import body_of

NAMES: dict[str, tuple[str, tuple[int, int]]] = {
    "claude-2.1": ("", (2, 1)),
    "claude-3-opus-20240229": ("opus", (3, 0)),
    "claude-3-5-haiku-latest": ("haiku", (3, 5)),
    "claude-3.7-sonnet": ("sonnet", (3, 7)),
    "claude-opus-4-20250514": ("opus", (4, 0)),
    "claude-opus-4-1-20250805": ("opus", (4, 1)),
    "claude-sonnet-4-5-20250929": ("sonnet", (4, 5)),
    "us.anthropic.claude-haiku-4-5-20251001-v1:0": ("haiku", (4, 5)),
    "claude-opus-4-8": ("opus", (4, 8)),
    "claude-sonnet-5": ("sonnet", (5, 0)),
    "claude-fable-5-2": ("fable", (5, 2)),
    "claude-opus-12-1": ("opus", (12, 1)),
    "somebody-elses": ("", (4, 5)),
}


@pytest.mark.parametrize(("name", "expected"), NAMES.items(), ids=NAMES)
def test_a_name_tells_family_and_version(name: str, expected: tuple[str, tuple[int, int]]) -> None:
    model = claude_model(name)
    assert (model.family, model.version) == expected


def body(model: str, **fields: Any) -> dict[str, Any]:
    """What is sent of a call, but for its messages."""
    return body_of(call_of(f"anthropic:{model}", **fields))


def budget(n_tokens: int) -> dict[str, Any]:
    return {"thinking": {"type": "enabled", "budget_tokens": n_tokens}}


def adaptive(effort: str) -> dict[str, Any]:
    thinking = {"type": "adaptive", "display": "summarized"}
    return {"thinking": thinking, "output_config": {"effort": effort}}


OFF = {"thinking": {"type": "disabled"}}
ROOM = 4096 + 16_384
# What is asked of a model, and what is sent of it.
ASKED: dict[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "a model that cannot think": ("claude-3-5-haiku-latest", {"reasoning_tokens": 2000}, {}),
    "a model that cannot, unknown to the registry": (
        "claude-3-5-haiku-x", {"reasoning_tokens": 2000, "known": False}, {}
    ),
    "a model that can, unknown to the registry": (
        "claude-3-7-sonnet-x", {"reasoning_tokens": 2000, "known": False},
        {"max_tokens": 6096, **budget(2000)},
    ),
    "a budget": ("claude-3-7-sonnet-20250219", {"reasoning_tokens": 2000},
                 {"max_tokens": 6096, **budget(2000)}),
    "a budget beside a limit": ("claude-sonnet-4-5", {"reasoning_tokens": 2000, "max_tokens": 100},
                                {"max_tokens": 2100, **budget(2000)}),
    "no budget": ("claude-opus-4-5", {"reasoning_tokens": 0}, {}),
    "too small a budget": ("claude-sonnet-4-5", {"reasoning_tokens": 1023},
                           {"max_tokens": 5120, **budget(1024)}),
    "somebody else's model": ("deepseek", {"reasoning_tokens": 1024},
                              {"max_tokens": 5120, **budget(1024)}),
    "little": ("claude-opus-4-6", {"reasoning_tokens": 500},
               {"max_tokens": 4596, **adaptive("low")}),
    "more": ("claude-opus-4-8", {"reasoning_tokens": 10_000, "max_tokens": 1000},
             {"max_tokens": 11_000, **adaptive("medium")}),
    "much": ("claude-fable-5-1", {"reasoning_tokens": 30_000},
             {"max_tokens": 34_096, **adaptive("high")}),
    "4.8 thinks only when asked": ("claude-opus-4-8", {"reasoning_tokens": 0}, {}),
    "5 is turned off": ("claude-opus-5", {"reasoning_tokens": 0}, OFF),
    "sonnet 5 is turned off": ("claude-sonnet-5", {"reasoning_tokens": 0}, OFF),
    "haiku 5.5 is turned off": ("claude-haiku-5-5", {"reasoning_tokens": 0}, OFF),
    "sonnet 5.5 is turned off": ("claude-sonnet-5-5", {"reasoning_tokens": 0},
                                 {"thinking": {"type": "between_tools"}}),
    "opus 5.5 always thinks": ("claude-opus-5-5", {"reasoning_tokens": 0},
                               {"max_tokens": ROOM, "output_config": {"effort": "low"}}),
    "fable always thinks": ("claude-fable-5", {"reasoning_tokens": 0, "max_tokens": 50},
                            {"max_tokens": 50, "output_config": {"effort": "low"}}),
    "nothing is asked": ("claude-sonnet-4-5", {}, {}),
    "nothing is asked of one that thinks": ("claude-opus-5-5", {}, {"max_tokens": ROOM}),
    "a limit for one that thinks": ("claude-opus-5-5", {"max_tokens": 9}, {"max_tokens": 9}),
    "a limit in openai's word": ("claude-opus-5", {"extra": {"max_completion_tokens": 9}},
                                 {"max_tokens": 9}),
    "a budget beside a limit in openai's word": (
        "claude-opus-4-5", {"reasoning_tokens": 2000, "extra": {"max_completion_tokens": 9000}},
        {"max_tokens": 9000, **budget(2000)},
    ),
    "a budget beside a limit in extra_params": (
        "claude-opus-4-5", {"reasoning_tokens": 2000, "extra": {"max_tokens": 9000}},
        {"max_tokens": 9000, **budget(2000)},
    ),
    "thinking by anthropic's word": ("claude-opus-5", {"extra": OFF}, OFF),
    "effort by openai's word": ("claude-opus-4-8", {"extra": {"reasoning_effort": "high"}},
                                {"output_config": {"effort": "high"}}),
    "effort by anthropic's word": (
        "claude-opus-4-8",
        {"reasoning_tokens": 10, "extra": {"output_config": {"effort": "max"}}},
        {"max_tokens": 4106, **adaptive("max")},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("model", "fields", "expected"), ASKED.values(), ids=ASKED)
def test_of_reasoning_tokens(model: str, fields: dict[str, Any], expected: dict[str, Any]) -> None:
    assert body(model, **fields) == {"max_tokens": 4096, **expected}


REFUSED: dict[str, tuple[str, dict[str, Any], str]] = {
    "thinking": ("claude-sonnet-4-5", {"reasoning_tokens": 2000, "extra": budget(2000)},
                   r"extra_params\['thinking'\] both"),
    "effort": (
        "claude-opus-5", {"reasoning_tokens": 2000, "extra": {"reasoning_effort": "none"}},
        r"extra_params\['reasoning_effort'\] both",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("model", "fields", "reason"), REFUSED.values(), ids=REFUSED)
def test_what_is_said_twice_is_an_error(model: str, fields: dict[str, Any], reason: str) -> None:
    with pytest.raises(ValidationError, match=reason):
        body(model, **fields)


TEMPERATURES: dict[str, tuple[str, dict[str, Any], bool]] = {
    "3.5": ("claude-3-5-haiku-latest", {}, True),
    "4.6": ("claude-opus-4-6", {}, True),
    "4.7": ("claude-opus-4-7", {}, False),
    "5": ("claude-sonnet-5", {}, False),
    "somebody else's": ("deepseek", {}, True),
    "while it thinks": ("claude-sonnet-4-5", {"reasoning_tokens": 2000}, False),
    "while it thinks by anthropic's word": ("claude-sonnet-4-5", {"extra": budget(2000)}, False),
    "with thinking turned off": ("claude-sonnet-4-5", {"extra": OFF}, True),
    "which cannot think": ("claude-3-5-haiku-latest", {"reasoning_tokens": 2000}, True),
    "of no thought": ("claude-sonnet-4-5", {"reasoning_tokens": 0}, True),
    "in extra_params": ("claude-opus-5", {"extra": {"temperature": 0.5}}, True),
}


@pytest.mark.parametrize(("model", "fields", "kept"), TEMPERATURES.values(), ids=TEMPERATURES)
def test_a_temperature_goes_to_models_that_take_one(
    model: str, fields: dict[str, Any], kept: bool
) -> None:
    sent = body(model, temperature=0.5, **fields)
    assert sent.get("temperature") == (0.5 if kept else None)


@pytest.mark.parametrize(
    ("model", "fact", "expected"),
    [("claude-opus-5", {"supports_temperature": True}, 0.5),
     ("claude-opus-4-1", {"supports_temperature": False}, None)],
    ids=["takes one", "takes none"],
)  # fmt: skip
def test_what_the_registry_says_of_a_temperature_counts(
    model: str, fact: dict[str, Any], expected: float | None
) -> None:
    call = call_of(f"anthropic:{model}", temperature=0.5)
    assert call.facts is not None
    call.facts = call.facts.model_copy(update=fact)
    sent = body_of(call)
    assert sent.get("temperature") == expected
