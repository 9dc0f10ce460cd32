"""What a user may expect of the same call at every provider."""

from __future__ import annotations

import json
from typing import Any

import pytest

from LLM.exceptions import InvalidRequestError
from tests.cloud.asked import CODECS, USER, body

WEATHER = {"name": "weather", "parameters": {"type": "object", "properties": {}}}
REWORDING = sorted(CODECS.keys() - {"openai"})  # what OpenAI does not take, it refuses itself


@pytest.mark.parametrize("provider", CODECS)
def test_zero_is_a_temperature_and_a_limit(provider: str) -> None:
    told = json.dumps(body(provider, temperature=0.0, max_tokens=0))
    assert '": 0.0' in told
    assert '": 0,' in told or '": 0}' in told


@pytest.mark.parametrize("provider", CODECS)
def test_a_limit_by_both_its_names_is_sent_by_one(provider: str) -> None:
    both = body(provider, max_tokens=7, max_completion_tokens=7)
    assert both == body(provider, max_completion_tokens=7)
    assert json.dumps(both).count(": 7") == 1


@pytest.mark.parametrize("provider", CODECS)
def test_one_stop_is_a_list_of_one(provider: str) -> None:
    if provider != "openai":  # which takes both
        assert body(provider, stop="END") == body(provider, stop=["END"])


@pytest.mark.parametrize("provider", REWORDING)
@pytest.mark.parametrize("name", ["store", "user", "prompt_cache_key", "stream_options"])
def test_book_keeping_changes_no_prompt(provider: str, name: str) -> None:
    call: dict[str, Any] = {name: "x"}
    asked, plain = body(provider, **call), body(provider)
    fields = {"metadata", "store"}  # Anthropic's form of a user, Gemini's own field
    assert {key: value for key, value in asked.items() if key not in fields} == plain


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
@pytest.mark.parametrize("system", ["", [], [{"type": "text", "text": ""}]])
def test_an_empty_system_prompt_is_none(provider: str, system: Any) -> None:
    assert body(provider, system=system) == body(provider)


@pytest.mark.parametrize("provider", ["anthropic", "gemini"])
def test_a_system_prompt_alone_cannot_be_answered(provider: str) -> None:
    with pytest.raises(InvalidRequestError, match=f"(?i)no turn that {provider} could answer"):
        body(provider, [{"role": "system", "content": "Be kind."}])


@pytest.mark.parametrize("provider", CODECS)
def test_a_refusal_stays_in_the_conversation(provider: str) -> None:
    refusal = {"role": "assistant", "content": None, "refusal": "I will not."}
    assert "I will not." in json.dumps(body(provider, [USER, refusal, USER]))


@pytest.mark.parametrize("provider", ["anthropic", "gemini", "ollama"])
def test_names_of_roles_are_known_or_refused(provider: str) -> None:
    developer = {"role": "developer", "content": "Be kind."}
    assert "Be kind." in json.dumps(body(provider, [developer, USER]))


IMAGE = "data:image/png;base64,iVBORw0KGgo="


@pytest.mark.parametrize("provider", CODECS)
@pytest.mark.parametrize(
    ("part", "same"),
    [
        ("a", {"type": "text", "text": "a"}),
        ({"type": "input_text", "text": "a"}, {"type": "text", "text": "a"}),
        ({"type": "output_text", "text": "a", "annotations": []}, {"type": "text", "text": "a"}),
        (
            {"type": "input_image", "image_url": IMAGE, "detail": "low"},
            {"type": "image_url", "image_url": {"url": IMAGE, "detail": "low"}},
        ),
    ],
    ids=["bare", "input", "output", "image"],
)
def test_parts_of_responses_are_parts_of_chats(provider: str, part: Any, same: Any) -> None:
    asked, expected = ([{"role": "user", "content": [one]}] for one in (part, same))
    assert body(provider, asked) == body(provider, expected)


@pytest.mark.parametrize("provider", CODECS)
@pytest.mark.parametrize(
    "tool",
    [{"type": "function", "function": {"description": "d"}}, {"type": "function", "function": 5}],
    ids=["nameless", "number"],
)
def test_a_function_needs_a_name(provider: str, tool: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"^tools\[1\]\.function has no name"):
        body(provider, tools=[WEATHER, tool])
