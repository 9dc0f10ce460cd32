"""What becomes of a conversation on its way to Anthropic."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloud.llm import ChatMessage, ChatResponse, InvalidRequestError, ToolCall
from tests.cloud.anthropic.asked import MARK, USER, body, turns

TEXT = {"type": "text", "text": "Hello!"}
CALL = {
    "id": "toolu_1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"location": "Oslo"}'},
}
CALLS = {"role": "assistant", "content": None, "tool_calls": [CALL]}
TOOL_USE = {
    "type": "tool_use",
    "id": "toolu_1",
    "name": "get_weather",
    "input": {"location": "Oslo"},
}
RESULT = {"role": "tool", "tool_call_id": "toolu_1", "content": "12 °C"}
TOOL_RESULT = {"type": "tool_result", "tool_use_id": "toolu_1", "content": "12 °C"}
THOUGHT = {"type": "thinking", "thinking": "Hm.", "signature": "EqQB"}


def system(*messages: Any, **call: Any) -> Any:
    return body([*messages, USER], **call).get("system")


SYSTEMS: dict[str, tuple[list[Any], Any]] = {
    "none": ([], None),
    "text": ([{"role": "system", "content": "Be brief."}], "Be brief."),
    "developer": ([{"role": "developer", "content": "Be brief."}], "Be brief."),
    "several": (
        [{"role": "system", "content": "Be brief."}, {"role": "developer", "content": "Be kind."}],
        "Be brief.\n\nBe kind.",
    ),
    "parts": ([{"role": "system", "content": [TEXT, TEXT]}], "Hello!\n\nHello!"),
    "empty": ([{"role": "system", "content": ""}], None),
    "marked part": (
        [
            {"role": "system", "content": [{**TEXT, "cache_control": MARK}]},
            {"role": "system", "content": "Be brief."},
        ],
        [{**TEXT, "cache_control": MARK}, {"type": "text", "text": "Be brief."}],
    ),
    "marked message": (
        [{"role": "system", "content": [TEXT, TEXT], "cache_control": MARK}],
        [TEXT, {**TEXT, "cache_control": MARK}],
    ),
}


@pytest.mark.parametrize(("messages", "sent"), SYSTEMS.values(), ids=SYSTEMS)
def test_system_turns_become_the_system_prompt(messages: list[Any], sent: Any) -> None:
    assert system(*messages) == sent


def test_system_turns_in_the_middle_join_those_before() -> None:
    late = {"role": "system", "content": "Be kind."}
    sent = body([USER, late, USER], system="Be brief.")
    assert sent["system"] == "Be brief.\n\nBe kind."
    assert sent["messages"] == [{"role": "user", "content": [TEXT, TEXT]}]


def test_system_argument_keeps_its_cache_markers() -> None:
    marked = [{**TEXT, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    assert system(system=marked) == marked


TURNS: dict[str, tuple[list[Any], Any]] = {
    "text": ([USER], [USER]),
    "object": ([ChatMessage("user", "Hello!")], [USER]),
    "name is dropped": ([{**USER, "name": "ada"}], [USER]),
    "users in a row": ([USER, USER], [{"role": "user", "content": [TEXT, TEXT]}]),
    "marked message": (
        [{**USER, "cache_control": MARK}],
        [{"role": "user", "content": [{**TEXT, "cache_control": MARK}]}],
    ),
    "tool call": ([USER, CALLS], [USER, {"role": "assistant", "content": [TOOL_USE]}]),
    "text and tool call": (
        [USER, {**CALLS, "content": "Hello!"}],
        [USER, {"role": "assistant", "content": [TEXT, TOOL_USE]}],
    ),
    "call without arguments": (
        [USER, {**CALLS, "tool_calls": [ToolCall("toolu_1", "get_weather", "")]}],
        [USER, {"role": "assistant", "content": [{**TOOL_USE, "input": {}}]}],
    ),
    "call object": (
        [USER, {**CALLS, "tool_calls": [ToolCall("toolu_1", "get_weather", {"location": "Oslo"})]}],
        [USER, {"role": "assistant", "content": [TOOL_USE]}],
    ),
    "signed thoughts": (
        [USER, {**CALLS, "thinking_blocks": [THOUGHT]}],
        [USER, {"role": "assistant", "content": [THOUGHT, TOOL_USE]}],
    ),
    "thoughts that nobody signed": (
        [USER, {**CALLS, "thinking_blocks": [{**THOUGHT, "signature": ""}]}],
        [USER, {"role": "assistant", "content": [TOOL_USE]}],
    ),
    "thoughts that Google signed": (
        [USER, {**CALLS, "thinking_blocks": [{**THOUGHT, "signature": "google:EqQB"}]}],
        [USER, {"role": "assistant", "content": [TOOL_USE]}],
    ),
    "thoughts are not told twice": (
        [USER, {"role": "assistant", "content": [THOUGHT, TEXT], "thinking_blocks": [THOUGHT]}],
        [USER, {"role": "assistant", "content": [THOUGHT, TEXT]}],
    ),
    "refusal": (
        [USER, {"role": "assistant", "content": None, "refusal": "No."}, USER],
        [USER, {"role": "assistant", "content": "No."}, USER],
    ),
    "an answer that says nothing": (
        [USER, {"role": "assistant", "content": ""}, USER],
        [{"role": "user", "content": [TEXT, TEXT]}],
    ),
    "a beginning of the answer": (
        [USER, {"role": "assistant", "content": "Well,"}],
        [USER, {"role": "assistant", "content": "Well,"}],
    ),
}


@pytest.mark.parametrize(("messages", "sent"), TURNS.values(), ids=TURNS)
def test_turns_are_put_into_anthropics_words(messages: list[Any], sent: Any) -> None:
    assert turns(*messages) == sent


def test_results_of_tools_come_first_in_one_turn() -> None:
    other = {**RESULT, "tool_call_id": "toolu_2"}
    sent = turns(USER, CALLS, RESULT, USER, other)[-1]
    assert sent["content"] == [TOOL_RESULT, {**TOOL_RESULT, "tool_use_id": "toolu_2"}, TEXT]


PNG = "data:image/png;base64,iVBORw0KGgo="
RESULTS: dict[str, tuple[Any, Any]] = {
    "text": ("12 °C", "12 °C"),
    "none": (None, None),
    "empty": ("", None),
    "object": ({"celsius": 12}, '{"celsius":12}'),
    "list of data": ([1, 2], "[1,2]"),
    "number": (12, "12"),
    "parts": (
        [TEXT, {"type": "image_url", "image_url": {"url": PNG}}],
        [
            TEXT,
            {
                "type": "image",
                "source": {
                    "type": "base64",
                    "media_type": "image/png",
                    "data": "iVBORw0KGgo=",
                },
            },
        ],
    ),
}


@pytest.mark.parametrize(("content", "sent"), RESULTS.values(), ids=RESULTS)
def test_results_of_tools_may_be_of_any_shape(content: Any, sent: Any) -> None:
    (block,) = turns(USER, CALLS, {**RESULT, "content": content})[-1]["content"]
    assert block == {key: value for key, value in {**TOOL_RESULT, "content": sent}.items() if value}


def test_failed_tools_and_cache_markers_are_told() -> None:
    failed = {**RESULT, "is_error": True, "cache_control": MARK}
    (block,) = turns(USER, CALLS, failed)[-1]["content"]
    assert block == {**TOOL_RESULT, "is_error": True, "cache_control": MARK}


def test_ids_of_other_providers_still_match() -> None:
    call = {**CALL, "id": "functions.get_weather:0"}
    result = {**RESULT, "tool_call_id": "functions.get_weather:0"}
    sent = turns(USER, {**CALLS, "tool_calls": [call]}, result)
    assert sent[1]["content"][0]["id"] == "functions_get_weather_0"
    assert sent[2]["content"][0]["tool_use_id"] == "functions_get_weather_0"


def test_an_answer_can_be_given_back_as_it_came() -> None:
    response = ChatResponse(
        "Hello!",
        "claude",
        tool_calls=[ToolCall("toolu_1", "get_weather", {"location": "Oslo"})],
        thinking_blocks=[THOUGHT],
    )
    message = json.loads(json.dumps(response.to_message()))
    assert turns(USER, message)[1]["content"] == [THOUGHT, TEXT, TOOL_USE]


def test_anthropics_own_content_is_given_back_as_it_came() -> None:
    content = [THOUGHT, {"type": "server_tool_use", "id": "srvtoolu_1", "input": {}}, TOOL_USE]
    assert turns(USER, {"role": "assistant", "content": content})[1]["content"] == content


WRONG: dict[str, tuple[Any, str]] = {
    "role": ({"role": "bot", "content": "x"}, r"messages\[1\]\.role is 'bot'"),
    "content of a user": ({"role": "user", "content": ""}, r"messages\[1\]\.content is empty"),
    "content of a kind": ({"role": "user", "content": 5}, r"messages\[1\]\.content is a int"),
    "image in a system prompt": (
        {"role": "system", "content": [{"type": "image_url", "image_url": {"url": PNG}}]},
        r"messages\[1\]\.content\[0\] is of type 'image'",
    ),
    "result without its id": (
        {"role": "tool", "content": "x"},
        r"messages\[1\]\.tool_call_id is missing",
    ),
    "call without a function": (
        {**CALLS, "tool_calls": [{"id": "toolu_1", "type": "custom"}]},
        r"messages\[1\]\.tool_calls\[0\] is no call of a function",
    ),
    "arguments that were cut": (
        {**CALLS, "tool_calls": [ToolCall("toolu_1", "f", '{"a": ')]},
        r"messages\[1\]\.tool_calls\[0\]\.function\.arguments is no JSON object",
    ),
    "arguments that are a list": (
        {**CALLS, "tool_calls": [ToolCall("toolu_1", "f", "[1]")]},
        "is no JSON object",
    ),
    "arguments that are no Unicode": (
        {**CALLS, "tool_calls": [ToolCall("toolu_1", "f", '{"a": "\ud800"}')]},
        "is no JSON object",
    ),
    "a thought without a type": (
        {**CALLS, "thinking_blocks": [{"thinking": "Hm."}]},
        r"messages\[1\]\.thinking_blocks is no list",
    ),
    "thoughts": (
        {**CALLS, "thinking_blocks": "Hm."},
        r"messages\[1\]\.thinking_blocks is no list",
    ),
}


@pytest.mark.parametrize(("message", "problem"), WRONG.values(), ids=WRONG)
def test_what_has_no_form_is_named(message: Any, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        turns(USER, message)
