"""Google as a provider of a ring: when its models think, and what goes where."""

from __future__ import annotations

from typing import Any

import pytest

from llmring.exceptions import ValidationError
from llmring.providers.google import GoogleProvider
from tests.llmring.providers.asked import body_of, call_of

KEY = "g-test-1234"
MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.fixture
def google() -> GoogleProvider:
    return GoogleProvider(api_key=KEY)


def config(provider: GoogleProvider, model: str, **fields: Any) -> Any:
    """The `generationConfig` that is sent."""
    body = body_of(provider, call_of(f"google:{model}", **fields))
    return body.get("generationConfig", {})


#: What is sent of thinking when nobody asks for it; None where the model is left alone.
UNASKED: dict[str, Any] = {
    "gemini-2.0-flash": None,
    "gemini-2.5-flash": {"thinkingBudget": 0},
    "gemini-2.5-flash-lite": {"thinkingBudget": 0},
    "gemini-2.5-flash-image": None,
    "gemini-2.5-pro": None,
    "gemini-3-flash-preview": {"thinkingLevel": "MINIMAL"},
    "gemini-3.1-pro-preview": None,
    "gemini-3.8-flash": None,
    "gemini-flash-lite-latest": {"thinkingLevel": "MINIMAL"},
    "gemma-3-27b-it": None,
}


@pytest.mark.parametrize("model", UNASKED)
def test_models_think_only_when_asked_where_they_can_do_without(
    google: GoogleProvider, model: str
) -> None:
    assert config(google, model).get("thinkingConfig") == UNASKED[model]


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("gemini-2.5-pro", {"thinkingBudget": 128}),
        ("gemini-3.8-flash", {"thinkingLevel": "LOW"}),
        ("gemini-2.0-flash", None),
    ],
)
def test_no_tokens_of_thought_are_the_least_that_the_model_can_do_with(
    google: GoogleProvider, model: str, least: Any
) -> None:
    sent = config(google, model, reasoning_tokens=0, max_tokens=9)
    assert (sent.get("thinkingConfig"), sent["maxOutputTokens"]) == (least, 9)


@pytest.mark.parametrize(
    ("model", "thinking"),
    [
        ("gemini-2.5-flash", {"thinkingBudget": 2000}),
        ("gemini-3.8-flash", {"thinkingLevel": "LOW"}),
        ("gemini-flash-latest", {"thinkingLevel": "LOW"}),
    ],
)
def test_tokens_of_thought_are_asked_for_and_added_to_the_limit(
    google: GoogleProvider, model: str, thinking: dict[str, Any]
) -> None:
    sent = config(google, model, reasoning_tokens=2000, max_tokens=9)
    assert sent["thinkingConfig"] == {**thinking, "includeThoughts": True}
    assert sent["maxOutputTokens"] == 2009


def test_a_model_that_does_not_think_keeps_its_limit(google: GoogleProvider) -> None:
    sent = config(google, "gemini-2.0-flash", reasoning_tokens=2000, max_tokens=9)
    assert sent == {"maxOutputTokens": 9}


def test_the_registry_knows_better_than_the_name(google: GoogleProvider) -> None:
    call = call_of("google:gemini-2.5-flash")
    assert call.facts is not None
    call.facts = call.facts.model_copy(update={"supports_thinking": False})
    assert "generationConfig" not in body_of(google, call)


#: The caller's own words for how much is to be thought, and what is sent for them.
OWN_WORDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "thinking_config": (
        {"thinking_config": {"thinking_budget": 5}},
        {"thinkingConfig": {"thinkingBudget": 5}},
    ),
    "thinkingConfig": (
        {"thinkingConfig": {"includeThoughts": True}},
        {"thinkingConfig": {"includeThoughts": True}},
    ),
    "reasoning_effort": (
        {"reasoning_effort": "high"},
        {"thinkingConfig": {"thinkingBudget": 24_576, "includeThoughts": True}},
    ),
    "generation_config": (
        {"generation_config": {"thinking_config": {"thinking_budget": 5}}},
        {"thinkingConfig": {"thinkingBudget": 5}},
    ),
}


@pytest.mark.parametrize("name", OWN_WORDS)
def test_the_callers_own_words_count(google: GoogleProvider, name: str) -> None:
    extra, expected = OWN_WORDS[name]
    assert config(google, "gemini-2.5-flash", extra=extra) == expected


@pytest.mark.parametrize("name", OWN_WORDS)
def test_thinking_is_not_asked_for_twice(google: GoogleProvider, name: str) -> None:
    call = call_of("google:gemini-2.5-flash", extra=OWN_WORDS[name][0], reasoning_tokens=5)
    with pytest.raises(ValidationError, match=rf"extra_params\['{name}'\] both say"):
        google.arguments(call)


def test_extra_parameters_go_where_google_has_them(google: GoogleProvider) -> None:
    safety = [{"category": "HARM_CATEGORY_HARASSMENT", "threshold": "BLOCK_MEDIUM_AND_ABOVE"}]
    extra = {"safety_settings": safety, "top_k": 40, "candidate_count": 1}
    body = body_of(google, call_of("google:gemini-2.0-flash", extra=extra))
    assert body["safetySettings"] == safety
    assert body["generationConfig"] == {"topK": 40, "candidateCount": 1}


@pytest.mark.parametrize("name", ["cached_content", "cachedContent"])
def test_content_in_googles_cache_is_named(google: GoogleProvider, name: str) -> None:
    cache = {name: "cachedContents/1", "prompt_cache_key": "k", **MARK}
    body = body_of(google, call_of("google:gemini-2.0-flash", cache=cache))
    assert body.keys() == {"contents", "cachedContent"}
    assert body["cachedContent"] == "cachedContents/1"


def test_what_no_provider_calls_its_cache_is_refused(google: GoogleProvider) -> None:
    call = call_of("google:gemini-2.0-flash", cache={"ttl": "1h"})
    with pytest.raises(ValidationError, match=r"cache has 'ttl'.*it takes 'cachedContent'"):
        google.arguments(call)


def test_no_cache_marker_reaches_google(google: GoogleProvider) -> None:
    content = [{"type": "text", "text": "Hi.", **MARK}, {"text": "Own.", **MARK}]
    messages: list[Any] = [{"role": "system", "content": "Long.", **MARK}]
    messages.append({"role": "user", "content": content, **MARK})
    tool = {"type": "function", "function": {"name": "f", **MARK}, **MARK}
    call = call_of("google:gemini-2.0-flash", messages=messages, tools=[tool])
    body = body_of(google, call)
    assert body["systemInstruction"] == {"parts": [{"text": "Long."}]}
    assert body["contents"][0]["parts"] == [{"text": "Hi."}, {"text": "Own."}]
    assert body["tools"] == [{"functionDeclarations": [{"name": "f"}]}]


def test_a_pdf_in_anthropics_form_is_inline_data(google: GoogleProvider) -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    messages = [{"role": "user", "content": [{"type": "document", "source": source}]}]
    body = body_of(google, call_of("google:gemini-2.0-flash", messages=messages))
    inline = {"mimeType": "application/pdf", "data": "JVBERi0="}
    assert body["contents"][0]["parts"] == [{"inlineData": inline}]
