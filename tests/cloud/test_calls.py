"""Arguments of a call, checked and brought into OpenAI's words before any provider sees them."""

from __future__ import annotations

from types import MappingProxyType
from typing import Any

import pytest

from cloud.llm import (
    AnthropicClient,
    ChatMessage,
    ChatResponse,
    GeminiClient,
    InvalidRequestError,
    OllamaClient,
)
from cloud.llm.calls import chat_call, nested_choice
from cloud.llm.codec import ChatCall

USER = {"role": "user", "content": "Hello!"}
NAMED = {"type": "function", "function": {"name": "f"}}
ARGUMENTS: dict[str, Any] = {
    "stream": False,
    "system": None,
    "temperature": None,
    "max_tokens": None,
    "tools": None,
    "tool_choice": None,
    "response_format": None,
    "extra": {},
}


def call(messages: Any = (USER,), **arguments: Any) -> ChatCall:
    return chat_call("m", messages, **{**ARGUMENTS, **arguments})


CHOICES = {
    "auto": ("auto", "auto"),
    "none": ("none", "none"),
    "required": ("required", "required"),
    "any": ("any", "required"),
    "name": ("f", NAMED),
    "nested": (NAMED, NAMED),
    "flat": ({"type": "function", "name": "f"}, NAMED),
    "anthropic": ({"type": "tool", "name": "f"}, NAMED),
    "anthropic-any": ({"type": "any"}, "required"),
    "anthropic-auto": ({"type": "auto"}, "auto"),
    "unset": (None, None),
}


@pytest.mark.parametrize(("given", "choice"), CHOICES.values(), ids=CHOICES)
def test_tool_choices_of_all_forms_are_one(given: Any, choice: Any) -> None:
    assert nested_choice(given) == choice


def test_one_call_at_a_time_may_be_asked_for_as_anthropic_does() -> None:
    one = {"type": "auto", "disable_parallel_tool_use": True}
    asked = call(tool_choice=one, extra={"user": "u"})
    assert (asked.tool_choice, asked.extra) == ("auto", {"parallel_tool_calls": False, "user": "u"})


REFUSED: dict[str, tuple[dict[str, Any], str]] = {
    "choice-number": ({"tool_choice": 5}, "tool_choice is 5"),
    "choice-nameless": ({"tool_choice": {"type": "function"}}, "tool_choice is"),
    "choice-type": ({"tool_choice": {"type": ["auto"]}}, "tool_choice is"),
    "choice-empty-name": ({"tool_choice": {"function": {"name": ""}}}, "tool_choice is"),
    "answer-as-message": (
        {"messages": [ChatResponse(content="a", model="m")]},
        r"messages\[0\] is a ChatResponse; give its to_message\(\)",
    ),
    "text-as-messages": ({"messages": "Hello!"}, "messages is a str"),
    "no-messages": ({"messages": []}, "messages is empty"),
    "no-role": ({"messages": [{"content": "x"}]}, r"messages\[0\] has no 'role'"),
    "no-message": ({"messages": [USER, 5]}, r"messages\[1\] is a int"),
    "calls": ({"messages": [{**USER, "tool_calls": {"a": 1}}]}, "tool_calls .* is a dict"),
    "temperature": ({"temperature": 3}, "temperature is 3"),
    "temperature-nan": ({"temperature": float("nan")}, "temperature is nan"),
    "max-tokens": ({"max_tokens": -1}, "max_tokens is -1"),
    "max-tokens-flag": ({"max_tokens": True}, "max_tokens is True"),
    "tools-dict": ({"tools": {"name": "f"}}, "tools is a dict"),
    "no-tool": ({"tools": [{"description": "x"}]}, r"tools\[0\] is no tool"),
    "format": ({"response_format": "json"}, "response_format is a str"),
    "format-class": ({"response_format": int}, "response_format is a type"),
    "system": ({"system": 5}, "system is a int"),
    "stream": ({"extra": {"stream": True}}, "call chat_stream for text, or events"),
    "two-limits": (
        {"max_tokens": 1, "extra": {"max_completion_tokens": 2}},
        "max_tokens is 1 and max_completion_tokens is 2; give one",
    ),
    "streamed-answers": (
        {"stream": True, "extra": {"n": 2}},
        "n is 2, and a stream tells one answer; call chat",
    ),
    "streamed candidates": (
        {"stream": True, "extra": {"candidate_count": 3}},
        "candidate_count is 3, and a stream tells one answer; call chat",
    ),
    "extra-body": ({"extra": {"extra_body": {}}}, "extra_body belongs to the openai SDK"),
    "extra-headers": ({"extra": {"extra_headers": {}}}, "the client's `headers`"),
}  # fmt: skip


@pytest.mark.parametrize(("arguments", "problem"), REFUSED.values(), ids=REFUSED)
def test_what_cannot_work_is_refused_by_name(arguments: dict[str, Any], problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        call(**arguments)


def test_no_prompt_is_in_an_error() -> None:
    with pytest.raises(InvalidRequestError) as caught:
        call([{"content": "a secret plan"}])
    assert "secret" not in repr(caught.value)


def test_messages_of_all_kinds_become_dicts() -> None:
    found = call((ChatMessage("user", "Hello!"), USER)).messages
    assert found == [USER, USER]


def test_keywords_that_are_none_are_as_if_not_given() -> None:
    assert call(extra={"top_p": None, "seed": 0}).extra == {"seed": 0}


def test_a_system_prompt_of_parts_keeps_its_marks() -> None:
    parts = [{"type": "text", "text": "x", "cache_control": {"type": "ephemeral"}}]
    assert call(system=parts).messages[0] == {"role": "system", "content": parts}


def test_no_tools_are_none() -> None:
    assert call(tools=[]).tools is None


@pytest.mark.parametrize("client", [AnthropicClient, GeminiClient, OllamaClient])
def test_errors_count_the_messages_that_the_caller_gave(client: Any) -> None:
    messages = [{"role": "user", "content": [{"type": "text"}]}]
    llm = client(base_url="http://127.0.0.1:1")
    for system in (None, "Be brief."):
        with pytest.raises(InvalidRequestError, match=r"^messages\[0\]"):
            llm.chat(messages, system=system)


CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}
HISTORIES: dict[str, tuple[Any, Any]] = {
    "null fields": (
        {"role": "assistant", "content": "Hi.", "tool_calls": None, "refusal": None},
        {"role": "assistant", "content": "Hi."},
    ),
    "no calls": (
        {"role": "assistant", "content": "Hi.", "tool_calls": []},
        {"role": "assistant", "content": "Hi."},
    ),
    "fields of answers": (
        {"role": "assistant", "content": "Hi.", "annotations": [], "finish_reason": "stop"},
        {"role": "assistant", "content": "Hi."},
    ),
    "parsed arguments": (
        {"role": "assistant", "content": None, "tool_calls":
         [{**CALL, "function": {**CALL["function"], "parsed_arguments": {}}}]},  # type: ignore[dict-item]  # a dict
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
    ),
    "older form of a call": (
        {"role": "assistant", "content": None, "function_call": CALL["function"]},
        {"role": "assistant", "content": None, "tool_calls": [{**CALL, "id": "call_0"}]},
    ),
}  # fmt: skip


@pytest.mark.parametrize(("given", "plain"), HISTORIES.values(), ids=HISTORIES)
def test_what_only_answers_have_is_left_out(given: Any, plain: Any) -> None:
    assert call([USER, given]).messages == [USER, plain]


@pytest.mark.parametrize("kind", [dict, MappingProxyType], ids=["dict", "mapping"])
def test_a_choice_of_any_mapping_forbids_parallel_calls(kind: Any) -> None:
    choice = kind({"type": "auto", "disable_parallel_tool_use": True})
    assert call(tool_choice=choice).extra == {"parallel_tool_calls": False}
