"""What is asked of Anthropic beside the conversation."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from cloud.llm import InvalidRequestError
from tests.cloud.anthropic.asked import KEY, MARK, USER, body, codec

WEATHER = {"name": "get_weather", "parameters": {"type": "object", "properties": {"a": {}}}}
TOOL = {"name": "get_weather", "input_schema": WEATHER["parameters"]}
SEARCH = {"type": "web_search_20250305", "name": "web_search"}


class City(BaseModel):
    name: str


def test_smallest_request() -> None:
    assert body() == {"model": "claude", "max_tokens": 4096, "messages": [USER]}


ROOTS = {
    "https://api.anthropic.com": "https://api.anthropic.com/v1",
    "http://127.0.0.1:8000/": "http://127.0.0.1:8000/v1",
    "https://example.org/anthropic/v1": "https://example.org/anthropic/v1",
}


@pytest.mark.parametrize(("base_url", "root"), ROOTS.items(), ids=ROOTS)
def test_version_is_added_to_an_address_without_one(base_url: str, root: str) -> None:
    assert codec(base_url).api_root == root


def test_key_goes_as_x_api_key_and_does_not_print() -> None:
    headers = codec(api_key=KEY).headers
    assert headers == {"anthropic-version": "2023-06-01", "x-api-key": KEY}
    assert KEY not in repr(headers)


def test_no_key_sends_none() -> None:
    assert codec().headers == {"anthropic-version": "2023-06-01"}


FIELDS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "temperature": ({"temperature": 0.0}, {"temperature": 0.0}),
    "max_tokens": ({"max_tokens": 7}, {"max_tokens": 7}),
    "no answer": ({"max_tokens": 0}, {"max_tokens": 0}),
    "newer max_tokens": ({"max_completion_tokens": 7}, {"max_tokens": 7}),
    "both max_tokens": ({"max_completion_tokens": 7, "max_tokens": 7}, {"max_tokens": 7}),
    "one stop": ({"stop": "END"}, {"stop_sequences": ["END"]}),
    "several stops": ({"stop": ["a", "b"]}, {"stop_sequences": ["a", "b"]}),
    "top_p": ({"top_p": 0.9, "top_k": 5}, {"top_p": 0.9, "top_k": 5}),
    "user": ({"user": "u-1"}, {"metadata": {"user_id": "u-1"}}),
    "metadata": ({"metadata": {"user_id": "u-1"}}, {"metadata": {"user_id": "u-1"}}),
    "user and metadata": (
        {"user": "u-1", "metadata": {"user_id": "u-2"}},
        {"metadata": {"user_id": "u-2"}},
    ),
    "user by its newer name": (
        {"user": "u-1", "safety_identifier": "u-2"},
        {"metadata": {"user_id": "u-2"}},
    ),
    "what changes nothing": (
        {"store": True, "stream_options": {}, "prompt_cache_key": "k", "n": 1},
        {},
    ),
    "effort": ({"reasoning_effort": "high"}, {"output_config": {"effort": "high"}}),
    "least effort": ({"reasoning_effort": "minimal"}, {"output_config": {"effort": "low"}}),
    "no thinking": ({"reasoning_effort": "none"}, {"thinking": {"type": "disabled"}}),
    "own output_config": (
        {"reasoning_effort": "high", "output_config": {"effort": "max"}},
        {"output_config": {"effort": "max"}},
    ),
    "thinking": ({"thinking": {"type": "adaptive"}}, {"thinking": {"type": "adaptive"}}),
    "thinking budget": (
        {"thinking": {"type": "enabled", "budget_tokens": 2048}},
        {"thinking": {"type": "enabled", "budget_tokens": 2048}, "max_tokens": 6144},
    ),
    "own fields": (
        {"service_tier": "auto", "cache_control": MARK, "container": "c"},
        {"service_tier": "auto", "cache_control": MARK, "container": "c"},
    ),
    "what it does not know": ({"seed": 1}, {"seed": 1}),
    "stream": ({"stream": True}, {"stream": True}),
}


@pytest.mark.parametrize(("call", "sent"), FIELDS.values(), ids=FIELDS)
def test_arguments_are_put_into_anthropics_words(call: dict[str, Any], sent: Any) -> None:
    assert body(**call) == {**body(), **sent}


TOOLS: dict[str, tuple[Any, Any]] = {
    "flat": (WEATHER, TOOL),
    "nested": ({"type": "function", "function": WEATHER}, TOOL),
    "described": ({**WEATHER, "description": "d"}, {**TOOL, "description": "d"}),
    "anthropic's": (TOOL, TOOL),
    "anthropic's with its type": ({"type": "custom", **TOOL}, {"type": "custom", **TOOL}),
    "server tool": (SEARCH, SEARCH),
    "strict": (
        {**WEATHER, "strict": True},
        {
            "name": "get_weather",
            "input_schema": {**WEATHER["parameters"], "additionalProperties": False},
            "strict": True,
        },
    ),
    "not strict": ({**WEATHER, "strict": False}, TOOL),
    "no parameters": (
        {"name": "now"},
        {"name": "now", "input_schema": {"type": "object", "properties": {}}},
    ),
    "marked": ({**WEATHER, "cache_control": MARK}, {**TOOL, "cache_control": MARK}),
    "nested and marked": (
        {"type": "function", "function": WEATHER, "cache_control": MARK},
        {**TOOL, "cache_control": MARK},
    ),
}


@pytest.mark.parametrize(("tool", "sent"), TOOLS.values(), ids=TOOLS)
def test_tools_of_every_form(tool: Any, sent: Any) -> None:
    assert body(tools=[tool])["tools"] == [sent]


CHOICES: dict[str, tuple[dict[str, Any], Any]] = {
    "none given": ({}, None),
    "auto": ({"tool_choice": "auto"}, {"type": "auto"}),
    "none": ({"tool_choice": "none"}, {"type": "none"}),
    "required": ({"tool_choice": "required"}, {"type": "any"}),
    "name": ({"tool_choice": "get_weather"}, {"type": "tool", "name": "get_weather"}),
    "nested": (
        {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        {"type": "tool", "name": "get_weather"},
    ),
    "one call": (
        {"parallel_tool_calls": False},
        {"type": "auto", "disable_parallel_tool_use": True},
    ),
    "one call at least": (
        {"parallel_tool_calls": False, "tool_choice": "required"},
        {"type": "any", "disable_parallel_tool_use": True},
    ),
    "one call of none": ({"parallel_tool_calls": False, "tool_choice": "none"}, {"type": "none"}),
    "several calls": ({"parallel_tool_calls": True}, None),
}


@pytest.mark.parametrize(("call", "sent"), CHOICES.values(), ids=CHOICES)
def test_choices_of_tools(call: dict[str, Any], sent: Any) -> None:
    assert body(tools=[WEATHER], **call).get("tool_choice") == sent


def test_one_call_at_a_time_says_nothing_without_tools() -> None:
    assert body(parallel_tool_calls=False) == body()


SCHEMA = {"type": "object", "properties": {"name": {"type": "string"}}}
FORMATS: dict[str, Any] = {
    "openai's": {"type": "json_schema", "json_schema": {"name": "City", "schema": SCHEMA}},
    "anthropic's": {"type": "json_schema", "schema": SCHEMA},
}


@pytest.mark.parametrize("wanted", FORMATS.values(), ids=FORMATS)
def test_schemas_are_asked_for_natively(wanted: Any) -> None:
    sent = body(response_format=wanted, reasoning_effort="low")
    form = {"type": "json_schema", "schema": {**SCHEMA, "additionalProperties": False}}
    assert sent["output_config"] == {"effort": "low", "format": form}


def test_pydantic_class_is_sent_as_its_schema() -> None:
    schema = body(response_format=City)["output_config"]["format"]["schema"]
    assert schema["properties"]["name"]["type"] == "string"
    assert schema["additionalProperties"] is False


def test_json_without_a_schema_is_asked_for_in_words() -> None:
    sent = body(system="Be brief.", response_format={"type": "json_object"})
    assert sent["system"].startswith("Be brief.\n\nAnswer with one JSON object")
    assert "output_config" not in sent


def test_free_text_asks_for_nothing() -> None:
    assert body(response_format={"type": "text"}) == body()


DEEP: dict[str, Any] = {"type": "string"}
for _ in range(5000):
    DEEP = {"type": "array", "items": DEEP}
DEEP = {"type": "json_schema", "schema": DEEP}

WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "format": ({"response_format": {"type": "grammar"}}, "response_format of type 'grammar'"),
    "format without a schema": (
        {"response_format": {"type": "json_schema"}},
        "has no form at Anthropic",
    ),
    "several answers": ({"n": 2}, "n is not 1, and Anthropic gives one answer"),
    "tool": (
        {"tools": [{"type": "function", "function": {"description": "x"}}]},
        r"tools\[0\]\.function has no name",
    ),
    "metadata": ({"metadata": "u-1"}, "metadata is a str"),
    "output_config": ({"output_config": 5}, "output_config is a int"),
    "deep format": ({"response_format": DEEP}, "response_format has a schema nested deeper"),
    "no JSON": ({"metadata": {"user_id": "\ud800"}}, "lone surrogate"),
}


@pytest.mark.parametrize(("call", "problem"), WRONG.values(), ids=WRONG)
def test_what_has_no_form_is_named(call: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        body(**call)
