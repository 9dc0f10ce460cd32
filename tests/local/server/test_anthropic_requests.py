"""How requests of the Messages API are told to the chat API. Pure."""

from __future__ import annotations

import base64
import copy
from typing import Any

import pytest

from LLM.exceptions import InvalidRequestError
from local_llm_kit.arguments import Defaults, parse_chat
from local_llm_kit.server.anthropic.request import MessageRequest, parse_message
from local_llm_kit.server.anthropic.thinking import Thinking

PNG = base64.b64encode(b"\x89PNG\r\n\x1a\n").decode()
IMAGE = {
    "type": "image",
    "source": {"type": "base64", "media_type": "image/png", "data": PNG},
}
USE = {"type": "tool_use", "id": "t1", "name": "look", "input": {"x": 1}}
RESULT = {"type": "tool_result", "tool_use_id": "t1", "content": "seen"}


def user(*content: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(content)}


def assistant(*content: Any) -> dict[str, Any]:
    return {"role": "assistant", "content": list(content)}


def text(words: str, **more: Any) -> dict[str, Any]:
    return {"type": "text", "text": words, **more}


def parsed(messages: list[Any], **fields: Any) -> MessageRequest:
    """A request as it was read; the chat API takes it too."""
    request = parse_message({"messages": messages, "max_tokens": 5, **fields})
    parse_chat(request.fields, Defaults())
    return request


def told(messages: list[Any], **fields: Any) -> list[Any]:
    """Each message's role and content."""
    found = parsed(messages, **fields).fields["messages"]
    return [(message["role"], message["content"]) for message in found]


@pytest.mark.parametrize(
    "system",
    ["One\ntwo", [text("One"), text("two", cache_control={"type": "ephemeral"}, citations=[])]],
    ids=["text", "blocks"],
)
def test_the_systems_words_come_first(system: Any) -> None:
    assert told([user(text("Hi"))], system=system) == [("system", "One\ntwo"), ("user", "Hi")]


def test_turns_of_one_role_are_one() -> None:
    turns = [user(text("a"), text("b")), {"role": "user", "content": "c"}, assistant(text("d")),
             assistant(text("e")), user(text("f"))]  # fmt: skip
    assert told(turns) == [("user", "a\nb\nc"), ("assistant", "de"), ("user", "f")]


def test_the_system_may_speak_between_turns() -> None:
    turns = [user(text("a")), {"role": "system", "content": "b"}, user(text("c"))]
    assert told(turns) == [("user", "a"), ("system", "b"), ("user", "c")]


def test_a_call_and_its_result_are_messages_of_their_own() -> None:
    asked, result, more = parsed(
        [user(text("Go")), assistant(text("I look."), USE), user(RESULT, text("And?"))]
    ).fields["messages"][1:]
    assert asked["content"] == "I look."
    assert asked["tool_calls"] == [
        {"id": "t1", "type": "function", "function": {"name": "look", "arguments": '{"x":1}'}}
    ]
    assert result == {"role": "tool", "tool_call_id": "t1", "content": "seen"}
    assert more == {"role": "user", "content": "And?"}


@pytest.mark.parametrize(
    ("fields", "content"),
    [
        ({"content": [text("a"), text("b")]}, "a\nb"),
        ({"content": None}, ""),
        ({"content": "no", "is_error": True}, "Error: no"),
    ],
    ids=["blocks", "nothing", "error"],
)
def test_a_result_is_text(fields: dict[str, Any], content: str) -> None:
    turns = [user(text("Go")), assistant(USE), user(RESULT | fields)]
    assert told(turns)[-1] == ("tool", content)


def test_images_of_a_result_are_shown_by_the_user() -> None:
    turns = [user(text("Go")), assistant(USE), user(RESULT | {"content": [text("a"), IMAGE]})]
    result, shown = parsed(turns).fields["messages"][-2:]
    assert (result["role"], result["content"]) == ("tool", "a")
    assert [part["type"] for part in shown["content"]] == ["image_url"]


def test_images_of_a_result_come_after_all_results() -> None:
    more = [USE | {"id": "t2"}, RESULT | {"tool_use_id": "t2"}]
    turns = [
        user(text("Go")),
        assistant(USE, more[0]),
        user(RESULT | {"content": [IMAGE]}, more[1]),
    ]
    assert [role for role, _ in told(turns)[2:]] == ["tool", "tool", "user"]


def test_an_image_is_passed_on_as_it_is() -> None:
    (message,) = parse_chat(parsed([user(text("See"), IMAGE)]).fields, Defaults()).messages
    assert (message["content"], message["images"]) == ("See", [PNG])


@pytest.mark.parametrize("kind", ["thinking", "redacted_thinking"])
def test_earlier_thoughts_are_not_told_again(kind: str) -> None:
    thought = {"type": kind, "thinking": "hm", "signature": "", "data": ""}
    turns = [user(text("a")), assistant(thought, text("b")), user(text("c"))]
    assert told(turns)[1] == ("assistant", "b")


@pytest.mark.parametrize(
    ("block", "words"),
    [
        ({"type": "document", "title": "T", "context": "C", "citations": {"enabled": True},
          "source": {"type": "text", "media_type": "text/plain", "data": "D"}}, "T\nC\nD"),
        ({"type": "document", "source": {"type": "content", "content": "D"}}, "D"),
        ({"type": "document", "source": {"type": "content", "content": [text("D"), text("E")]}},
         "D\nE"),
        ({"type": "search_result", "title": "T", "source": "S", "content": [text("D")]},
         "T\nS\nD"),
    ],
    ids=["document", "content", "blocks", "search result"],
)  # fmt: skip
def test_documents_become_text(block: dict[str, Any], words: str) -> None:
    assert told([user(block)]) == [("user", words)]


def test_a_last_turn_of_the_assistants_is_gone_on_with() -> None:
    begun = parsed([user(text("a")), assistant(text("b"))])
    whole = parsed([user(text("a")), assistant(text("b")), user(text("c"))])
    assert begun.fields["continue_final_message"] is True
    assert "continue_final_message" not in whole.fields


TOOL = {"name": "look", "input_schema": {"type": "object", "properties": {}}}


def function_of(tool: dict[str, Any]) -> tuple[dict[str, Any], tuple[str, ...]]:
    request = parsed([user(text("a"))], tools=[tool])
    found: dict[str, Any] = request.fields["tools"][0]["function"]
    return found, request.ignored


def test_a_tools_examples_are_told_with_its_schema() -> None:
    function, _ = function_of(TOOL | {"input_examples": [{"x": 1}], "type": "custom"})
    assert function["parameters"]["examples"] == [{"x": 1}]


def test_a_schema_that_cannot_be_held_is_told_and_named() -> None:
    schema = {"type": "object", "properties": {}, "not": {"required": ["a"]}}
    function, ignored = function_of({"name": "look", "input_schema": schema})
    assert (function["parameters"], function["strict"]) == (schema, False)
    assert ignored == ("tools[0].input_schema",)


def test_what_is_no_json_schema_says_nothing_and_is_named() -> None:
    schema = {
        "type": "object", "foo": "bar", "required": ["a"], "x-note": 1,
        "properties": {"a": "bar", "foo": {"type": "string", "bar": 1},
                       "b": {"anyOf": [{"type": "null", "bar": 1}], "items": {"bar": 1}}},
    }  # fmt: skip
    function, ignored = function_of({"name": "look", "strict": True, "input_schema": schema})
    assert function["parameters"] == {
        "type": "object", "required": ["a"], "x-note": 1,
        "properties": {"a": {}, "foo": {"type": "string"},
                       "b": {"anyOf": [{"type": "null"}], "items": {}}},
    }  # fmt: skip
    assert ignored == ("tools[0].input_schema",)


@pytest.mark.parametrize(
    ("choice", "fields"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
        (
            {"type": "tool", "name": "look"},
            {"tool_choice": {"type": "function", "function": {"name": "look"}}},
        ),
    ],
    ids=["auto", "any", "none", "one call", "tool"],
)
def test_a_choice_of_tools_is_the_chat_apis(choice: dict[str, Any], fields: dict[str, Any]) -> None:
    found = parsed([user(text("a"))], tools=[TOOL], tool_choice=choice).fields
    assert {name: found[name] for name in fields} == fields


@pytest.mark.parametrize("older", [False, True], ids=["output_config", "output_format"])
def test_a_format_is_the_chat_apis(older: bool) -> None:
    form = {"type": "json_schema", "schema": {"type": "object"}}
    given = {"output_format": form} if older else {"output_config": {"format": form}}
    found = parsed([user(text("a"))], **given).fields["response_format"]
    assert found["json_schema"]["schema"] == {"type": "object"}


@pytest.mark.parametrize(
    ("thinking", "found"),
    [
        (None, Thinking(None, True)),
        ({"type": "adaptive"}, Thinking(None, True)),
        ({"type": "enabled", "budget_tokens": 2048}, Thinking(None, True)),
        ({"type": "adaptive", "display": "omitted"}, Thinking(None, False)),
        ({"type": "disabled"}, Thinking(False, False)),
    ],
    ids=["unset", "adaptive", "enabled", "omitted", "disabled"],
)
def test_thoughts_are_shown_unless_they_are_unwanted(
    thinking: dict[str, Any] | None, found: Thinking
) -> None:
    assert parsed([user(text("a"))], thinking=thinking).thinking == found


HINTS: dict[str, Any] = {
    "metadata": {"user_id": "u"}, "service_tier": "auto", "inference_geo": "eu", "speed": "fast",
    "diagnostics": {}, "user_profile_id": "p", "workspace_id": "w", "billing_policy": {},
    "context_management": {"edits": []}, "fallback_credit_token": "t", "fallbacks": "default",
    "container": {"id": "c"},
}  # fmt: skip


def test_hints_are_taken_and_named_and_marks_of_the_cache_are_not() -> None:
    request = parsed([user(text("a"))], **HINTS, cache_control={"type": "ephemeral"})
    assert set(request.ignored) == set(HINTS)


FULL: dict[str, Any] = {
    "max_tokens": 5, "stream": False, "stop_sequences": ["x"], **HINTS,
    "thinking": {"type": "enabled", "budget_tokens": 2048},
    "system": [text("Be brief.")],
    "messages": [
        user(text("a"), IMAGE, {"type": "document", "source": {"type": "content", "content": "D"}}),
        assistant({"type": "thinking", "thinking": "x", "signature": ""}, text("b"), USE),
        user(RESULT | {"content": [text("c"), IMAGE], "is_error": True}),
    ],
    "tools": [TOOL | {"input_examples": [{}]}],
    "tool_choice": {"type": "tool", "name": "look", "disable_parallel_tool_use": True},
    "output_config": {"format": {"type": "json_schema", "schema": {"anyOf": [{"type": "null"}]}}},
}  # fmt: skip
ODD = [None, True, -1, 1 << 70, 1.5, "", "x", "\0", [], {}, [[]], {"type": []}, {"": ""}, [None]]


def places(value: Any) -> list[tuple[Any, Any]]:
    """Each list or object inside, with each of its keys."""
    inside = value if isinstance(value, dict) else range(len(value))
    found = [(value, key) for key in inside]
    for key in inside:
        if isinstance(value[key], (dict, list)):
            found += places(value[key])
    return found


@pytest.mark.parametrize("odd", ODD, ids=repr)
def test_a_request_with_anything_anywhere_is_read_or_refused(odd: Any) -> None:
    n_refused = 0
    for i in range(len(places(FULL))):
        body = copy.deepcopy(FULL)
        inside, key = places(body)[i]
        inside[key] = odd
        try:
            parse_chat(parse_message(body).fields, Defaults())
        except InvalidRequestError:
            n_refused += 1
    assert n_refused > 20
