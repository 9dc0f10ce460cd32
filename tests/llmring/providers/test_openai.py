"""OpenAI as a provider of a ring: what its models take."""

from __future__ import annotations

import logging
from typing import Any

import pytest

from llmring.exceptions import ValidationError
from llmring.providers.openai.models import fitting_effort, is_reasoning_model, least_effort
from llmring.providers.openai.provider import OpenAIProvider
from tests.llmring.providers.asked import USER, body_of, call_of

KEY = "sk-test-1234"
MARK = {"cache_control": {"type": "ephemeral"}}


@pytest.fixture
def openai() -> OpenAIProvider:
    return OpenAIProvider(api_key=KEY)


def settings(provider: OpenAIProvider, model: str, **fields: Any) -> Any:
    """What is sent beside the messages."""
    body = body_of(provider, call_of(f"openai:{model}", **fields))
    assert body.pop("messages") == [USER]
    return body


REASONING = """
    o1 o1-2024-12-17 o3 o3-mini o4-mini ft:o4-mini:org::1 gpt-5 gpt-5-2025-08-07 gpt-5-mini gpt-5.1
    gpt-5-1 gpt-5.2-pro gpt-5.4-nano gpt-5.9 gpt-6-astra gpt-6.1-sol gpt-5-search-api
""".split()
OTHERS = """
    gpt-4o gpt-4o-mini gpt-4.1 gpt-4-0613 gpt-35-turbo gpt-3.5-turbo gpt-5-chat-latest
    gpt-5.1-chat-latest gpt-chat-latest chatgpt-4o-latest gpt-5-image gpt-oss-120b o llama-o3 olmo-1
""".split()


@pytest.mark.parametrize("model", REASONING)
def test_reasoning_models_are_known_by_their_names(model: str) -> None:
    assert is_reasoning_model(model)


@pytest.mark.parametrize("model", OTHERS)
def test_other_models_are_taken_for_no_reasoning_models(model: str) -> None:
    assert not is_reasoning_model(model)


@pytest.mark.parametrize(
    ("model", "least"),
    [
        ("o3", "low"),
        ("gpt-5", "minimal"),
        ("gpt-5-2025-08-07", "minimal"),
        ("gpt-5.1", "none"),
        ("gpt-5-2", "none"),
        ("gpt-6-sol", "none"),
        ("gpt-5-pro", None),
        ("gpt-5.1-codex", None),
        ("o1-mini", None),
    ],
)
def test_the_least_effort_is_one_that_the_model_takes(model: str, least: str | None) -> None:
    assert least_effort(model) == fitting_effort(model, 0) == least


@pytest.mark.parametrize(
    ("n_tokens", "effort"), [(1, "low"), (8191, "low"), (8192, "medium"), (24_576, "high")]
)
def test_tokens_become_an_effort(n_tokens: int, effort: str) -> None:
    assert fitting_effort("o3", n_tokens) == effort
    assert fitting_effort("gpt-5-pro", n_tokens) is None


@pytest.mark.parametrize("known", [True, False], ids=["registry", "name"])
def test_a_reasoning_model_gets_one_limit_and_no_temperature(
    openai: OpenAIProvider, known: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.DEBUG, "llmring"):
        sent = settings(openai, "o3", known=known, max_tokens=9, temperature=0.5)
    assert sent == {"max_completion_tokens": 9}
    assert "o3 takes no temperature; it is left out" in caplog.messages


@pytest.mark.parametrize("model", ["gpt-4o", "o3"])
def test_tools_in_openais_own_words_are_sent(openai: OpenAIProvider, model: str) -> None:
    tools = [{"type": "function", "function": {"name": "look", "parameters": {}}}]
    assert openai.arguments(call_of(f"openai:{model}", extra={"tools": tools}))["tools"] == tools


def test_tokens_of_thought_are_added_to_the_limit(openai: OpenAIProvider) -> None:
    sent = settings(openai, "o3", max_tokens=9, reasoning_tokens=2000)
    assert sent == {"max_completion_tokens": 2009}


@pytest.mark.parametrize(
    ("model", "effort"), [("o3", "low"), ("gpt-5-mini", "minimal"), ("gpt-5.1", "none")]
)
def test_no_tokens_of_thought_are_the_least_effort(
    openai: OpenAIProvider, model: str, effort: str
) -> None:
    sent = settings(openai, model, max_tokens=9, reasoning_tokens=0)
    assert sent == {"max_completion_tokens": 9, "reasoning_effort": effort}


def test_tokens_of_thought_without_a_limit_become_an_effort(openai: OpenAIProvider) -> None:
    assert settings(openai, "o3", reasoning_tokens=10_000) == {"reasoning_effort": "medium"}


def test_what_no_effort_can_say_is_refused(openai: OpenAIProvider) -> None:
    with pytest.raises(ValidationError, match="reasoning_tokens is 100, which gpt-5-pro counts"):
        openai.arguments(call_of("openai:gpt-5-pro", reasoning_tokens=100))


def test_the_callers_own_words_count(openai: OpenAIProvider) -> None:
    extra = {"reasoning_effort": "high", "max_completion_tokens": 5, "temperature": 1}
    sent = settings(openai, "o3", temperature=0.5, reasoning_tokens=0, extra=extra)
    assert sent == extra


@pytest.mark.parametrize("reasoning_tokens", [None, 0, 2000])
def test_a_model_that_does_not_think_keeps_its_settings(
    openai: OpenAIProvider, reasoning_tokens: int | None
) -> None:
    sent = settings(
        openai, "gpt-4o", max_tokens=9, temperature=0.0, reasoning_tokens=reasoning_tokens
    )
    # OpenAI itself takes the newer name of `max_tokens` for all models.
    assert sent == {"max_completion_tokens": 9, "temperature": 0.0}


def test_the_registry_knows_better_than_the_name(openai: OpenAIProvider) -> None:
    call = call_of("openai:gpt-4o", temperature=0.5)
    assert call.facts is not None
    call.facts = call.facts.model_copy(update={"supports_temperature": False})
    assert "temperature" not in body_of(openai, call)
    call.facts = call.facts.model_copy(update={"supports_temperature": True})
    call.model = "o3"
    assert body_of(openai, call)["temperature"] == 0.5


def test_extra_parameters_go_through(openai: OpenAIProvider) -> None:
    extra = {
        "logprobs": True,
        "top_logprobs": 5,
        "presence_penalty": 0.1,
        "frequency_penalty": 0.5,
        "seed": 12345,
        "parallel_tool_calls": False,
    }
    assert settings(openai, "gpt-4o", extra=extra) == extra


def test_the_cache_is_asked_in_openais_words(openai: OpenAIProvider) -> None:
    cache = {"prompt_cache_key": "k", "prompt_cache_retention": "24h"}
    assert settings(openai, "gpt-4o", cache={**cache, **MARK}) == cache


def test_a_cache_that_holds_content_elsewhere_is_refused(openai: OpenAIProvider) -> None:
    call = call_of("openai:gpt-4o", cache={"cached_content": "cachedContents/1"})
    with pytest.raises(ValidationError, match=r"cache has 'cached_content'.*'openai' has"):
        openai.arguments(call)


@pytest.mark.parametrize("name", ["messages", "model", "timeout"])
def test_fields_of_the_request_are_no_extra_parameters(openai: OpenAIProvider, name: str) -> None:
    call = call_of("openai:gpt-4o", extra={name: 5})
    with pytest.raises(ValidationError, match=f"extra_params has '{name}'"):
        openai.arguments(call)


def test_no_cache_marker_reaches_openai(openai: OpenAIProvider) -> None:
    text = {"type": "text", "text": "Hi."}
    messages: list[Any] = [{"role": "system", "content": "Long.", **MARK}]
    messages.append({"role": "user", "content": [{**text, **MARK}]})
    tool = {"type": "function", "function": {"name": "f", **MARK}, **MARK}
    body = body_of(openai, call_of("openai:gpt-4o", messages=messages, tools=[tool]))
    assert body["messages"] == [
        {"role": "system", "content": "Long."},
        {"role": "user", "content": [text]},
    ]
    assert body["tools"] == [{"type": "function", "function": {"name": "f"}}]


def test_a_pdf_in_anthropics_form_is_a_file(openai: OpenAIProvider) -> None:
    source = {"type": "base64", "media_type": "application/pdf", "data": "JVBERi0="}
    document = {"type": "document", "source": source}
    call = call_of("openai:gpt-4o", messages=[{"role": "user", "content": [document]}])
    file = {"filename": "document.pdf", "file_data": "data:application/pdf;base64,JVBERi0="}
    assert body_of(openai, call)["messages"][0]["content"] == [{"type": "file", "file": file}]
