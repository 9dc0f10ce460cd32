"""Messages, tool calls and answers as all providers' clients have them."""

from __future__ import annotations

import copy
import json
import pickle
from typing import Any

import pytest

from cloud.llm import ChatMessage, ChatResponse, LLMResponseError, ToolCall
from LLM.types import Usage

OPENAI = {
    "id": "call_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city": "Rome"}'},
}
ANTHROPIC = {"type": "tool_use", "id": "toolu_1", "name": "get_weather", "input": {"city": "Rome"}}


def test_a_call_from_openai_has_its_arguments_parsed() -> None:
    call = ToolCall.from_openai(OPENAI)
    assert (call.id, call.name, call.arguments) == ("call_1", "get_weather", {"city": "Rome"})
    assert call.arguments_json == '{"city": "Rome"}'
    assert call.to_openai() == OPENAI


def test_a_call_from_anthropic_is_the_same_call() -> None:
    call = ToolCall.from_anthropic(ANTHROPIC)
    assert (call.id, call.name, call.arguments) == ("toolu_1", "get_weather", {"city": "Rome"})
    assert call.to_openai()["function"] == {"name": "get_weather", "arguments": '{"city":"Rome"}'}


def test_what_a_provider_wants_back_goes_back() -> None:
    extra = {"google": {"thought_signature": "Ej"}}
    call = ToolCall.from_openai({**OPENAI, "extra_content": extra})
    assert call.extra == extra
    assert call.to_openai() == {**OPENAI, "extra_content": extra}


NO_ARGUMENTS: dict[str, Any] = {
    "empty": ToolCall("1", "now", ""),
    "space": ToolCall("1", "now", " \n"),
    "dict": ToolCall("1", "now", {}),
    "openai-null": ToolCall.from_openai({"function": {"name": "now", "arguments": None}}),
    "openai-missing": ToolCall.from_openai({"function": {"name": "now"}}),
    "anthropic-null": ToolCall.from_anthropic({"name": "now", "input": None}),
    "anthropic-missing": ToolCall.from_anthropic({"name": "now"}),
}


@pytest.mark.parametrize("call", NO_ARGUMENTS.values(), ids=NO_ARGUMENTS)
def test_no_arguments_are_an_empty_dict(call: ToolCall) -> None:
    assert (call.name, call.arguments) == ("now", {})


NO_OBJECTS = {
    "cut": '{"city": "Ro',
    "text": "Rome",
    "list": '["Rome"]',
    "null": "null",
    "number": "9" * 5000,
    "deep": "[" * 5000,
    "surrogate": r'{"city": "\ud83d"}',
}


@pytest.mark.parametrize("text", NO_OBJECTS.values(), ids=NO_OBJECTS)
def test_arguments_that_are_no_object_are_told_with_their_call(text: str) -> None:
    call = ToolCall("call_1", "get_weather", text)
    with pytest.raises(LLMResponseError, match=r"'get_weather'.*arguments_json") as caught:
        call.arguments  # noqa: B018  # reading it parses
    assert caught.value.code == "invalid_arguments"
    assert call.arguments_json == text


RESPONSE = ChatResponse(
    content="Sunny",
    model="m-1",
    input_tokens=3,
    output_tokens=2,
    finish_reason="tool_calls",
    tool_calls=[ToolCall("1", "f", {"x": 1}), ToolCall("2", "g", '{"cut')],
    raw={"secret": "bulk"},
    reasoning="Hm",
    usage=Usage(prompt_tokens=3, completion_tokens=2, total_tokens=5),
    id="resp-1",
)


def test_a_response_sums_up_its_tokens_and_knows_its_calls() -> None:
    assert RESPONSE.total_tokens == 5
    assert RESPONSE.has_tool_calls
    assert not ChatResponse("Hi", "m").has_tool_calls


def test_a_response_as_a_dict_is_ready_for_json() -> None:
    told = RESPONSE.to_dict()
    assert json.loads(json.dumps(told)) == told
    assert told["tool_calls"] == [
        {"id": "1", "name": "f", "arguments": {"x": 1}},
        {"id": "2", "name": "g", "arguments": '{"cut'},
    ]
    assert told["content"] == "Sunny"
    assert "raw" not in told


def test_a_response_prints_without_its_bulk() -> None:
    assert "bulk" not in repr(RESPONSE)
    assert "Sunny" in repr(RESPONSE)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda r: pickle.loads(pickle.dumps(r))])
def test_a_response_can_be_copied_and_pickled(copied: Any) -> None:
    assert copied(RESPONSE) == RESPONSE


MESSAGES = {
    "text": (ChatResponse("Hi", "m"), {"content": "Hi"}),
    "nothing": (ChatResponse("", "m"), {"content": ""}),
    "refusal": (ChatResponse("", "m", refusal="No."), {"content": None, "refusal": "No."}),
    "call": (
        ChatResponse("", "m", tool_calls=[ToolCall.from_openai(OPENAI)]),
        {"content": None, "tool_calls": [OPENAI]},
    ),
    "thoughts": (
        ChatResponse("Hi", "m", thinking_blocks=[{"type": "thinking", "signature": "s"}]),
        {"content": "Hi", "thinking_blocks": [{"type": "thinking", "signature": "s"}]},
    ),
    "unsigned thoughts": (
        ChatResponse("Hi", "m", reasoning="Hm."),
        {"content": "Hi", "thinking": "Hm."},
    ),
}


@pytest.mark.parametrize(("response", "message"), MESSAGES.values(), ids=MESSAGES)
def test_a_response_becomes_the_assistants_turn(
    response: ChatResponse, message: dict[str, Any]
) -> None:
    assert response.to_message() == {"role": "assistant", **message}


def test_a_message_leaves_out_what_is_unset() -> None:
    assert ChatMessage("user", "Hi").to_dict() == {"role": "user", "content": "Hi"}


def test_a_message_takes_calls_as_objects_or_dicts() -> None:
    message = ChatMessage("assistant", tool_calls=[ToolCall.from_openai(OPENAI), OPENAI])
    assert message.to_dict() == {"role": "assistant", "tool_calls": [OPENAI, OPENAI]}


def test_arguments_are_parsed_once_so_that_changes_stay() -> None:
    call = ToolCall("call_1", "get_weather", '{"city": "Paris"}')
    call.arguments["unit"] = "C"
    assert call.arguments == {"city": "Paris", "unit": "C"}


def test_arguments_with_half_a_character_are_no_json() -> None:
    with pytest.raises(LLMResponseError, match="no JSON object"):
        ToolCall("call_1", "get_weather", '{"city": "\ud800"}').arguments  # noqa: B018
