"""Responses over HTTP: what they answer, whole and as streams of events."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from local_llm_kit.loading import LoadOptions
from local_llm_kit.server import LocalServer, ServerOptions
from tests.local.http import ask
from tests.local.server.responses_support import (
    PATH,
    TOOL,
    USAGE_KEYS,
    check_response,
    comparable,
    create,
    near,
    stream,
    text_of,
)
from tests.local.support import running_server_of

BAD_SCHEMA = {"properties": {"a": {"type": "no"}}}
PERSON = {
    "type": "json_schema",
    "name": "person",
    "schema": {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 12}, "age": {"type": "integer"}},
        "required": ["name", "age"],
        "additionalProperties": False,
    },
}
EVENT_KEYS = {
    "response.created": {"response"},
    "response.in_progress": {"response"},
    "response.output_item.added": {"output_index", "item"},
    "response.content_part.added": {"item_id", "output_index", "content_index", "part"},
    "response.output_text.delta": {"item_id", "output_index", "content_index", "delta", "logprobs"},
    "response.output_text.done": {"item_id", "output_index", "content_index", "text", "logprobs"},
    "response.function_call_arguments.delta": {"item_id", "output_index", "delta"},
    "response.function_call_arguments.done": {"item_id", "output_index", "name", "arguments"},
    "response.content_part.done": {"item_id", "output_index", "content_index", "part"},
    "response.output_item.done": {"output_index", "item"},
    "response.completed": {"response"},
    "response.incomplete": {"response"},
}
CASES = {
    "nothing": {},
    "text": {"input": "Hello!"},
    "cut": {"input": "Tell me a long story.", "max_output_tokens": 4},
    "scores": {
        "input": "Hello!",
        "include": ["message.output_text.logprobs"],
        "top_logprobs": 2,
        "max_output_tokens": 5,
    },
    "tool": {"input": "What is the weather in Paris?", "tools": [TOOL]},
    "schema": {"input": "Ada is 36 years old.", "text": {"format": PERSON}},
    "object": {
        "input": "Ada is 36.",
        "text": {"format": {"type": "json_object"}},
        "max_output_tokens": 30,
    },
}


@pytest.fixture(scope="module")
def exact(tiny_f32: Path) -> Iterator[LocalServer]:
    """A server of a model whose answers do not depend on what is in its cache."""
    load = LoadOptions(kv_type="f32", flash_attention=False)
    with running_server_of(str(tiny_f32), ServerOptions(port=0), load) as server:
        yield server


@pytest.mark.parametrize("body", CASES.values(), ids=CASES.keys())
def test_responses_and_events_have_the_keys_that_openai_requires(
    server: LocalServer, body: dict[str, Any]
) -> None:
    response = create(server, body)
    check_response(response)
    assert response["usage"].keys() == USAGE_KEYS
    for event in stream(server, body):
        assert event.keys() == EVENT_KEYS[event["type"]] | {"type", "sequence_number"}
        if "response" in event:
            check_response(event["response"])


@pytest.mark.parametrize("body", CASES.values(), ids=CASES.keys())
def test_a_stream_ends_with_the_response_that_is_given_whole(
    exact: LocalServer, body: dict[str, Any]
) -> None:
    seeded = body | {"seed": 7}
    events = stream(exact, seeded)
    last = events[-1]["response"]
    assert near(comparable(last)) == comparable(create(exact, seeded))
    assert ask(exact.url, f"{PATH}/{last['id']}").json == last
    assert [event["sequence_number"] for event in events] == list(range(len(events)))


def test_a_response_repeats_what_was_asked(server: LocalServer) -> None:
    asked = {
        "instructions": "Be brief.", "max_output_tokens": 5, "metadata": {"a": "b"},
        "parallel_tool_calls": False, "store": False, "temperature": 0.5, "tool_choice": "none",
        "top_p": 0.5, "truncation": "auto", "user": "u",
    }  # fmt: skip
    response = create(server, asked | {"input": "Hi", "tools": [TOOL]})
    assert {name: response[name] for name in asked} == asked
    assert response["tools"] == [TOOL | {"strict": True}]
    assert response["model"] == "tiny"


def test_hints_are_named_in_a_header(server: LocalServer) -> None:
    hints = {"reasoning": {"effort": "low"}, "text": {"verbosity": "low"}, "max_tool_calls": 0,
             "stream_options": {"include_obfuscation": False},
             "tools": [TOOL | {"defer_loading": True}]}  # fmt: skip
    answer = ask(server.url, PATH, {"input": "Hi", "max_output_tokens": 1, **hints})
    assert answer.headers["x-ignored-parameters"].split(", ") == [
        "reasoning", "text.verbosity", "tools.defer_loading", "max_tool_calls", "stream_options",
    ]  # fmt: skip


def test_scores_are_asked_for_by_include(server: LocalServer) -> None:
    (item,) = create(server, CASES["scores"])["output"]
    scores = item["content"][0]["logprobs"]
    assert scores
    for score in scores:
        assert score.keys() == {"token", "logprob", "bytes", "top_logprobs"}
        assert len(score["top_logprobs"]) == 2


def test_a_schema_holds_the_text(server: LocalServer) -> None:
    response = create(server, CASES["schema"])
    assert json.loads(text_of(response)).keys() == {"name", "age"}
    assert response["text"]["format"]["name"] == "person"


@pytest.mark.parametrize(
    "choice",
    [
        "required",
        {"type": "function", "name": "get_weather"},
        {"type": "function", "function": {"name": "get_weather"}},
        {"type": "allowed_tools", "mode": "required",
         "tools": [{"type": "function", "name": "get_weather"}]},
    ],
    ids=["required", "named", "nested", "allowed"],
)  # fmt: skip
def test_a_tool_that_must_be_called_is_called(server: LocalServer, choice: Any) -> None:
    other = TOOL | {"name": "other"}
    tools = [TOOL] if choice == "required" else [other, TOOL]
    # At chance the model may now and then write a city that has no end.
    body = {"input": "Hi", "tools": tools, "tool_choice": choice, "temperature": 0}
    response = create(server, body)
    call = response["output"][0]
    assert (call["type"], call["name"]) == ("function_call", "get_weather")
    assert json.loads(call["arguments"]).keys() == {"city"}


def test_a_tool_round_trip_ends_in_text(server: LocalServer) -> None:
    question = {"role": "user", "content": "What is the weather in Paris?"}
    (call,) = create(server, {"input": [question], "tools": [TOOL], "temperature": 0})["output"]
    output = {"type": "function_call_output", "call_id": call["call_id"], "output": "sunny"}
    body = {"input": [question, call, output], "tools": [TOOL], "temperature": 0}
    assert create(server, body)["output"][0]["type"] == "message"


@pytest.mark.parametrize(
    "body", [*CASES.values(), {"instructions": "Be brief."}], ids=[*CASES.keys(), "instructions"]
)
def test_tokens_are_counted_as_a_response_counts_them(
    server: LocalServer, body: dict[str, Any]
) -> None:
    counted = ask(server.url, f"{PATH}/input_tokens", body).json
    n_tokens = create(server, body)["usage"]["input_tokens"]
    assert counted == {"object": "response.input_tokens", "input_tokens": n_tokens}


def test_a_conversation_that_is_too_long_is_cut_where_that_is_asked(server: LocalServer) -> None:
    turns = [{"role": "user", "content": "The number is here. " * 40} for _ in range(200)]
    body = {"input": turns, "max_output_tokens": 4}
    refused = ask(server.url, PATH, body)
    assert (refused.status, refused.error["code"]) == (400, "context_length_exceeded")
    response = create(server, body | {"truncation": "auto"})
    assert response["overflow"]["policy"] == "drop_oldest"
    assert response["overflow"]["n_messages"] > 0


@pytest.mark.parametrize(
    ("body", "param"),
    [
        pytest.param({"conversation": "conv_1"}, "conversation", id="conversation"),
        pytest.param({"prompt": {"id": "p"}}, "prompt", id="prompt"),
        pytest.param({"context_management": [{"type": "compaction"}]}, "context_management",
                     id="context-management"),
        pytest.param({"messages": []}, "messages", id="messages"),
        pytest.param({"inputs": "Hi"}, "inputs", id="unknown"),
        pytest.param({"n": 2}, "n", id="n"),
        pytest.param({"max_output_tokens": 0}, "max_output_tokens", id="max-output-tokens"),
        pytest.param({"max_tool_calls": -1}, "max_tool_calls", id="max-tool-calls"),
        pytest.param({"temperature": 3}, "temperature", id="temperature"),
        pytest.param({"top_p": 0}, "top_p", id="top-p"),
        pytest.param({"top_logprobs": 21}, "top_logprobs", id="top-logprobs"),
        pytest.param({"include": ["all"]}, "include", id="include"),
        pytest.param({"include": "all"}, "include", id="include-text"),
        pytest.param({"instructions": ["Hi"]}, "instructions", id="instructions"),
        pytest.param({"metadata": {"a": 1}}, "metadata", id="metadata"),
        pytest.param({"metadata": {"a": "b" * 513}}, "metadata", id="metadata-long"),
        pytest.param({"metadata": {str(i): "" for i in range(17)}}, "metadata", id="metadata-many"),
        pytest.param({"model": 7}, "model", id="model"),
        pytest.param({"previous_response_id": ""}, "previous_response_id", id="previous-empty"),
        pytest.param({"previous_response_id": []}, "previous_response_id", id="previous-list"),
        pytest.param({"stream": "yes"}, "stream", id="stream"),
        pytest.param({"stream_options": {"include_usage": True}}, "stream_options",
                     id="stream-options"),
        pytest.param({"stream_options": {"include_obfuscation": 1}}, "stream_options",
                     id="obfuscation"),
        pytest.param({"truncation": ["auto"]}, "truncation", id="truncation"),
        pytest.param({"reasoning": "low"}, "reasoning", id="reasoning"),
        pytest.param({"text": "json"}, "text", id="text"),
        pytest.param({"text": {"verbosity": 1}}, "text.verbosity", id="verbosity"),
        pytest.param({"text": {"format": {"type": "xml"}}}, "text.format", id="format"),
        pytest.param({"text": {"format": {"type": "json_schema", "name": "a"}}}, "text.format",
                     id="no-schema"),
        pytest.param({"text": {"format": PERSON | {"name": "a b"}}}, "text.format.name",
                     id="schema-name"),
        pytest.param({"text": {"format": PERSON | {"schema": {"type": "no"}}}},
                     "text.format.schema", id="schema"),
        pytest.param({"tools": {}}, "tools", id="tools"),
        pytest.param({"tools": [7]}, "tools[0]", id="tool-number"),
        pytest.param({"tools": [TOOL] * 129}, "tools", id="tools-many"),
        pytest.param({"tools": [TOOL, TOOL]}, "tools", id="tools-twice"),
        pytest.param({"tools": [{"type": "web_search"}]}, "tools[0].type", id="hosted"),
        pytest.param({"tools": [{"type": "mcp", "server_url": "http://127.0.0.1"}]},
                     "tools[0].type", id="mcp"),
        pytest.param({"tools": [TOOL | {"type": []}]}, "tools[0].type", id="tool-type"),
        pytest.param({"tools": [TOOL | {"name": "a b"}]}, "tools[0].name", id="tool-name"),
        pytest.param({"tools": [TOOL | {"strict": 1}]}, "tools[0].strict", id="tool-strict"),
        pytest.param({"tools": [TOOL | {"mood": 1}]}, "tools[0]", id="tool-unknown"),
        pytest.param({"tools": [TOOL | {"parameters": BAD_SCHEMA}]}, "tools[0].parameters",
                     id="tool-schema"),
        pytest.param({"tools": [{"type": "function", "function": 7}]}, "tools[0].function",
                     id="tool-nested"),
        pytest.param({"tools": [TOOL], "tool_choice": {"type": "function", "name": "no"}},
                     "tool_choice", id="choice-name"),
        pytest.param({"tools": [TOOL], "tool_choice": {"type": ["function"]}}, "tool_choice",
                     id="choice-type"),
        pytest.param({"tool_choice": "required"}, "tool_choice", id="choice-without-tools"),
        pytest.param({"parallel_tool_calls": 1}, "parallel_tool_calls", id="parallel"),
        pytest.param({"background": True, "stream": True}, "stream", id="background-stream"),
        pytest.param({"background": True, "store": False}, "store", id="background-unkept"),
        pytest.param({"seed": "x"}, "seed", id="seed"),
        pytest.param({"safety_identifier": "x" * 65}, "safety_identifier", id="safety-identifier"),
    ],
)  # fmt: skip
def test_what_cannot_be_honoured_is_refused_by_name(
    server: LocalServer, body: dict[str, Any], param: str
) -> None:
    for path in (PATH, f"{PATH}/input_tokens"):
        answer = ask(server.url, path, {"input": "Hi", **body})
        assert (answer.status, answer.error["param"]) == (400, param)
        assert answer.error["message"]
        assert "response_format" not in answer.error["message"]
