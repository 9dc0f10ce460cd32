"""What is asked of OpenAI and of those who speak its language."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from cloud.llm import ChatMessage, ChatResponse, ClientConfig, InvalidRequestError, ToolCall
from cloud.llm.calls import chat_call
from cloud.llm.openai_compat.codec import OpenAICodec
from LLM import Message

OPENAI, OTHER = "https://api.openai.com/v1", "http://127.0.0.1:8000"
USER = {"role": "user", "content": "Hello!"}
MARK = {"cache_control": {"type": "ephemeral"}}
WEATHER = {"name": "get_weather", "parameters": {"type": "object"}}
NESTED = {"type": "function", "function": WEATHER}
NONE: dict[str, Any] = dict.fromkeys(
    ("system", "temperature", "max_tokens", "tools", "tool_choice", "response_format")
)


def codec(base_url: str = OPENAI, **settings: Any) -> OpenAICodec:
    return OpenAICodec(ClientConfig(model="gpt-4o", base_url=base_url, **settings))


def body(
    messages: Any = (USER,), base_url: str = OPENAI, *, stream: bool = False, **call: Any
) -> dict[str, Any]:
    """The JSON that a call sends."""
    fields = {name: call.pop(name, None) for name in NONE}
    asked = chat_call("gpt-4o", list(messages), stream=stream, extra=call, **fields)
    request = codec(base_url).request(asked)
    assert request.path == "/chat/completions"
    return json.loads(request.body)


def message(sent: Any, base_url: str = OPENAI) -> Any:
    return body([sent], base_url)["messages"][0]


class City(BaseModel):
    name: str


ROOTS = {
    "https://api.openai.com/v1": "https://api.openai.com/v1",
    "https://api.openai.com/v1/": "https://api.openai.com/v1",
    "http://127.0.0.1:8000": "http://127.0.0.1:8000/v1",
    "https://api.groq.com/openai/v1": "https://api.groq.com/openai/v1",
    "https://x.openai.azure.com/openai/v1": "https://x.openai.azure.com/openai/v1",
    "https://generativelanguage.googleapis.com/v1beta/openai": (
        "https://generativelanguage.googleapis.com/v1beta/openai"
    ),
    "https://open.bigmodel.cn/api/paas/v4": "https://open.bigmodel.cn/api/paas/v4",
}


@pytest.mark.parametrize(("base_url", "root"), ROOTS.items(), ids=ROOTS)
def test_v1_is_added_to_an_address_that_names_no_version(base_url: str, root: str) -> None:
    assert codec(base_url).api_root == root


def test_the_key_is_a_bearer_that_does_not_print() -> None:
    headers = codec(api_key="sk-1234567").headers
    assert headers["Authorization"] == "Bearer sk-1234567"
    assert "1234567" not in repr(headers)
    assert codec().headers == {}


def test_nothing_is_sent_that_was_not_given() -> None:
    assert body() == {"model": "gpt-4o", "messages": [USER]}


FIELDS = {
    "temperature": ({"temperature": 0.0}, {"temperature": 0.0}),
    "no-tokens": ({"max_tokens": 0}, {"max_completion_tokens": 0}),
    "system": ({"system": "Be brief."}, {}),
    "flat-tool": ({"tools": [WEATHER]}, {"tools": [NESTED]}),
    "nested-tool": ({"tools": [NESTED]}, {"tools": [NESTED]}),
    "own-tool": ({"tools": [{"type": "web_search"}]}, {"tools": [{"type": "web_search"}]}),
    "no-tools": ({"tools": []}, {}),
    "marked-tool": ({"tools": [{**WEATHER, **MARK}]}, {"tools": [NESTED]}),
    "marked-nested-tool": ({"tools": [{**NESTED, **MARK}]}, {"tools": [NESTED]}),
    "choice": ({"tool_choice": "required"}, {"tool_choice": "required"}),
    "further": (
        {"top_p": 0.5, "stop": ["x"], "user": "u"},
        {"top_p": 0.5, "stop": ["x"], "user": "u"},
    ),
    "none": ({"seed": None}, {}),
    "json": (
        {"response_format": {"type": "json_object"}},
        {"response_format": {"type": "json_object"}},
    ),
}


@pytest.mark.parametrize(("given", "sent"), FIELDS.values(), ids=FIELDS)
def test_arguments_become_fields(given: dict[str, Any], sent: dict[str, Any]) -> None:
    found = body(**given)
    assert {n: v for n, v in found.items() if n not in ("model", "messages")} == sent


@pytest.mark.parametrize("base_url", [OPENAI, "https://eu.api.openai.com/v1"])
def test_openai_knows_the_new_name_of_the_limit(base_url: str) -> None:
    assert body(base_url=base_url, max_tokens=5)["max_completion_tokens"] == 5


@pytest.mark.parametrize("base_url", [OTHER, "https://notapi.openai.com", "https://x.ai/v1"])
def test_others_know_the_old_name_of_the_limit(base_url: str) -> None:
    assert body(base_url=base_url, max_tokens=5)["max_tokens"] == 5


def test_a_pydantic_class_becomes_its_schema() -> None:
    sent = body(response_format=City)["response_format"]
    assert sent["json_schema"]["name"] == "City"
    assert sent["json_schema"]["schema"]["additionalProperties"] is False


def test_a_stream_asks_for_its_usage() -> None:
    sent = body(stream=True)
    assert (sent["stream"], sent["stream_options"]) == (True, {"include_usage": True})


def test_stream_options_of_the_caller_win() -> None:
    sent = body(stream=True, stream_options={"include_obfuscation": False})
    assert sent["stream_options"] == {"include_obfuscation": False}


def test_a_server_that_refuses_stream_options_gets_none() -> None:
    call = chat_call("m", [USER], stream=True, extra={}, **NONE)
    request = codec(OTHER, stream_usage=False).request(call)
    assert json.loads(request.body) == {"model": "m", "messages": [USER], "stream": True}


CALL = ToolCall("c1", "get_weather", {"city": "Rome"})
WIRE_CALL = {
    "id": "c1",
    "type": "function",
    "function": {"name": "get_weather", "arguments": '{"city":"Rome"}'},
}
IMAGE = {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}}
FILE = {
    "type": "file",
    "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AA"},
}
AUDIO = {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}}
TEXT = {"type": "text", "text": "Hi"}

MESSAGES = {
    "dict": (USER, USER),
    "message": (ChatMessage("user", "Hello!"), USER),
    "llm-message": (Message(role="user", content="Hello!"), USER),
    "developer": ({"role": "developer", "content": "x"}, {"role": "developer", "content": "x"}),
    "image": (
        {"role": "user", "content": [TEXT, IMAGE]},
        {"role": "user", "content": [TEXT, IMAGE]},
    ),
    "file": ({"role": "user", "content": [FILE]}, {"role": "user", "content": [FILE]}),
    "audio": ({"role": "user", "content": [AUDIO]}, {"role": "user", "content": [AUDIO]}),
    "call": (
        ChatMessage("assistant", tool_calls=[CALL]),
        {"role": "assistant", "tool_calls": [WIRE_CALL]},
    ),
    "call-in-a-dict": (
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]},
    ),
    "arguments-as-a-dict": (
        {
            "role": "assistant",
            "tool_calls": [
                {**WIRE_CALL, "function": {"name": "get_weather", "arguments": {"city": "Rome"}}}
            ],
        },
        {"role": "assistant", "tool_calls": [WIRE_CALL]},
    ),
    "result": (
        ChatMessage("tool", "18 °C", tool_call_id="c1"),
        {"role": "tool", "content": "18 °C", "tool_call_id": "c1"},
    ),
    "result-as-a-dict": (
        {"role": "tool", "content": {"celsius": 18, "wind": None}, "tool_call_id": "c1"},
        {"role": "tool", "content": '{"celsius":18,"wind":null}', "tool_call_id": "c1"},
    ),
    "thoughts": (
        {"role": "assistant", "content": "x", "thinking_blocks": [{"type": "thinking"}]},
        {"role": "assistant", "content": "x"},
    ),
    "reasoning": (
        {"role": "assistant", "content": "x", "reasoning_content": "Hm.", "reasoning": "Hm."},
        {"role": "assistant", "content": "x"},
    ),
    "thought-in-the-content": (
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "Hm."}, TEXT]},
        {"role": "assistant", "content": [TEXT]},
    ),
    "anthropics-image": (
        {
            "role": "user",
            "content": [
                {
                    "type": "image",
                    "source": {"type": "base64", "media_type": "image/png", "data": "AAAA"},
                }
            ],
        },
        {"role": "user", "content": [IMAGE]},
    ),
    "anthropics-image-at-an-address": (
        {
            "role": "user",
            "content": [
                {"type": "image", "source": {"type": "url", "url": "https://x.example/a.png"}}
            ],
        },
        {
            "role": "user",
            "content": [{"type": "image_url", "image_url": {"url": "https://x.example/a.png"}}],
        },
    ),
    "anthropics-document": (
        {
            "role": "user",
            "content": [
                {
                    "type": "document",
                    "title": "a.pdf",
                    "source": {"type": "base64", "media_type": "application/pdf", "data": "AA"},
                }
            ],
        },
        {"role": "user", "content": [FILE]},
    ),
    "anthropics-text": (
        {
            "role": "user",
            "content": [{"type": "document", "source": {"type": "text", "data": "Hi"}}],
        },
        {"role": "user", "content": [TEXT]},
    ),
    "list-as-a-result": (
        {"role": "tool", "content": [1, 2], "tool_call_id": "c1"},
        {"role": "tool", "content": "[1,2]", "tool_call_id": "c1"},
    ),
    "no-result": (
        {"role": "tool", "content": None, "tool_call_id": "c1"},
        {"role": "tool", "content": "", "tool_call_id": "c1"},
    ),
    "failed-and-named-result": (
        {"role": "tool", "content": "x", "tool_call_id": "c1", "name": "f", "is_error": True},
        {"role": "tool", "content": "x", "tool_call_id": "c1"},
    ),
    "long-id": (
        {"role": "tool", "content": "x", "tool_call_id": "chatcmpl-tool-" + "0" * 38 + "ab"},
        {"role": "tool", "content": "x", "tool_call_id": "0" * 38 + "ab"},
    ),
    "long-id-of-a-call": (
        {"role": "assistant", "tool_calls": [{**WIRE_CALL, "id": "c" * 50}]},
        {"role": "assistant", "tool_calls": [{**WIRE_CALL, "id": "c" * 40}]},
    ),
    "mark": ({**USER, **MARK}, USER),
    "marked-part": (
        {"role": "user", "content": [{**TEXT, **MARK}]},
        {"role": "user", "content": [TEXT]},
    ),
    "google-signature": (
        {"role": "assistant", "tool_calls": [{**WIRE_CALL, "extra_content": {"google": {}}}]},
        {"role": "assistant", "tool_calls": [WIRE_CALL]},
    ),
}


@pytest.mark.parametrize(("given", "sent"), MESSAGES.values(), ids=MESSAGES)
def test_messages_are_sent_as_openai_has_them(given: Any, sent: dict[str, Any]) -> None:
    assert message(given) == sent


DEEPSEEK = "https://api.deepseek.com"
THOUGHTS = {
    "told": ({"thinking": "Hm."}, "Hm."),
    "in blocks": ({"thinking_blocks": [{"type": "thinking", "thinking": "Hm."}]}, "Hm."),
    "as it came": ({"reasoning_content": "Hm."}, "Hm."),
    "none": ({}, ""),
}


@pytest.mark.parametrize(("fields", "thought"), THOUGHTS.values(), ids=THOUGHTS)
def test_who_wants_the_thought_before_a_call_gets_it(fields: dict[str, Any], thought: str) -> None:
    called = {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]}
    sent = message({**called, **fields}, DEEPSEEK)
    assert sent == {**called, "reasoning_content": thought}
    assert "reasoning_content" not in message({**called, "thinking": "Hm."}, OTHER)


def test_what_tools_show_stands_in_a_users_turn_at_openai() -> None:
    asked = {"role": "assistant", "content": None, "tool_calls": [WIRE_CALL]}
    result = {"role": "tool", "tool_call_id": "c1", "content": [TEXT, IMAGE]}
    shown = {"type": "text", "text": "Shown by the tool call c1:"}
    turn = {"role": "user", "content": [shown, IMAGE]}
    assert body([asked, result, USER])["messages"] == [
        asked,
        {**result, "content": [TEXT]},
        turn,
        USER,
    ]
    alone = body([asked, {**result, "content": [IMAGE]}])["messages"]
    assert alone[2] == turn
    assert alone[1]["content"] == "What the tool shows is in the user's turn below."
    assert body([asked, result], OTHER)["messages"] == [asked, result]


@pytest.mark.parametrize(
    ("kind", "source"),
    [
        ("document", {"type": "file", "file_id": "f"}),
        ("image", {"type": "base64", "media_type": "image/png"}),
        ("image", {"type": "base64", "data": "AAAA"}),
        ("image", {"type": "url"}),
    ],
    ids=["a file", "no data", "no type", "no address"],
)
def test_a_source_that_openai_has_no_form_for_is_named(kind: str, source: Any) -> None:
    part = {"type": kind, "source": source}
    problem = rf"messages\[0\]\.content\[0\] .* '{source['type']}' has no"
    with pytest.raises(InvalidRequestError, match=problem):
        message({"role": "user", "content": [part]})


def test_others_get_the_marks_and_signatures_that_they_may_know() -> None:
    marked = {"role": "user", "content": [{**TEXT, **MARK}]}
    assert message(marked, OTHER) == marked
    signed = {"role": "assistant", "tool_calls": [{**WIRE_CALL, "extra_content": {"google": {}}}]}
    assert message(signed, OTHER) == signed
    tool = {**NESTED, **MARK}
    assert body(base_url=OTHER, tools=[tool])["tools"] == [tool]


def test_a_system_prompt_goes_before_the_messages() -> None:
    first = {"role": "system", "content": "Be kind."}
    sent = body([first, USER], system="Be brief.")["messages"]
    assert sent == [{"role": "system", "content": "Be brief."}, first, USER]


def test_an_answer_goes_back_as_it_came() -> None:
    response = ChatResponse("", "m", tool_calls=[CALL], refusal="no", reasoning="Hm.")
    calls = {"tool_calls": [WIRE_CALL], "refusal": "no"}
    assert message(response.to_message()) == {"role": "assistant", "content": None, **calls}


def test_the_callers_messages_are_not_changed() -> None:
    given = {"role": "user", "content": [{**TEXT, **MARK}], **MARK}
    before = json.dumps(given)
    message(given)
    assert json.dumps(given) == before


UNSENDABLE = {
    "surrogate": [{"role": "user", "content": "\ud800"}],
    "not-a-number": [{"role": "user", "content": float("nan")}],
    "object": [{"role": "user", "content": object()}],
    "result": [{"role": "tool", "content": {"x": object()}}],
    "arguments": [
        {"role": "assistant", "tool_calls": [{"function": {"arguments": {"x": "\ud800"}}}]}
    ],
}


@pytest.mark.parametrize("messages", UNSENDABLE.values(), ids=UNSENDABLE)
def test_what_has_no_json_form_is_refused(messages: list[Any]) -> None:
    with pytest.raises(InvalidRequestError, match="JSON"):
        body(messages)
