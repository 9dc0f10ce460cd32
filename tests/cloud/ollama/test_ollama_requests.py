"""What OpenAI's words become in the body of ``/api/chat``."""

from __future__ import annotations

import json
from typing import Any

import pytest
from pydantic import BaseModel

from cloud.llm.calls import chat_call
from cloud.llm.config import ClientConfig
from cloud.llm.ollama.codec import OllamaCodec
from cloud.llm.types import ChatMessage, ChatResponse, ToolCall
from LLM.exceptions import InvalidRequestError

USER = {"role": "user", "content": "Hello!"}
PNG = "iVBORw0KGgo="
TOOL = {"name": "f", "description": "d", "parameters": {"type": "object", "properties": {}}}
CODEC = OllamaCodec(ClientConfig(base_url="http://localhost:11434", model="m"))


class Town(BaseModel):
    name: str


def body(messages: Any = (USER,), stream: bool = False, **arguments: Any) -> dict[str, Any]:
    """What is sent for the arguments of a `chat`."""
    fixed = ("system", "temperature", "max_tokens", "tools", "tool_choice", "response_format")
    given = {name: arguments.pop(name, None) for name in fixed}
    call = chat_call("m", list(messages), stream=stream, **given, extra=arguments)
    request = CODEC.request(call)
    assert request.path == "/api/chat"
    return json.loads(request.body)


def sent(*messages: Any) -> list[dict[str, Any]]:
    return body(messages)["messages"]


def user(*parts: Any) -> dict[str, Any]:
    return {"role": "user", "content": list(parts)}


def test_plain_chat_sends_its_words_and_forbids_cutting() -> None:
    assert body() == {"model": "m", "messages": [USER], "stream": False, "truncate": False}
    assert body(stream=True)["stream"] is True
    assert body(truncate=True)["truncate"] is True


@pytest.mark.parametrize(
    ("arguments", "options"),
    [
        ({"temperature": 0.0}, {"temperature": 0.0}),
        ({"max_tokens": 0}, {"num_predict": 0}),
        ({"max_completion_tokens": 9}, {"num_predict": 9}),
        ({"max_tokens": 9, "num_predict": 9}, {"num_predict": 9}),
        ({"stop": "END"}, {"stop": ["END"]}),
        ({"stop": ["a", "b"]}, {"stop": ["a", "b"]}),
        ({"top_p": 0.5, "top_k": 3, "min_p": 0.1}, {"top_p": 0.5, "top_k": 3, "min_p": 0.1}),
        ({"seed": 7, "num_ctx": 8192}, {"seed": 7, "num_ctx": 8192}),
        ({"presence_penalty": 1, "frequency_penalty": 2},
         {"presence_penalty": 1, "frequency_penalty": 2}),
        ({"options": {"num_gpu": 1, "seed": 1}, "seed": 2}, {"num_gpu": 1, "seed": 2}),
        ({"options": {"temperature": 1}, "temperature": 0.5}, {"temperature": 0.5}),
        ({"options": {"invented": 1}}, {"invented": 1}),
    ],
    ids=lambda value: "-".join(value),
)  # fmt: skip
def test_sampling_goes_into_options(arguments: dict[str, Any], options: dict[str, Any]) -> None:
    found = body(**arguments)
    assert found.pop("options") == options
    assert found == body()


@pytest.mark.parametrize(
    ("arguments", "field", "value"),
    [
        ({"reasoning_effort": "none"}, "think", False),
        ({"reasoning_effort": "minimal"}, "think", "low"),
        ({"reasoning_effort": "medium"}, "think", "medium"),
        ({"reasoning_effort": "xhigh"}, "think", "max"),
        ({"think": True}, "think", True),
        ({"think": False, "reasoning_effort": "high"}, "think", False),
        ({"response_format": {"type": "json_object"}}, "format", "json"),
        (
            {"response_format": {"type": "json_schema", "json_schema": {"schema": {"a": 1}}}},
            "format",
            {"a": 1},
        ),
        ({"format": {"type": "object"}}, "format", {"type": "object"}),
        ({"keep_alive": "10m"}, "keep_alive", "10m"),
        ({"keep_alive": 0}, "keep_alive", 0),
        ({"logprobs": True}, "logprobs", True),
        ({"tools": [TOOL]}, "tools", [{"type": "function", "function": TOOL}]),
        ({"tools": [{**TOOL, "cache_control": {"type": "ephemeral"}}], "tool_choice": "auto"},
         "tools", [{"type": "function", "function": TOOL}]),
        ({"invented": {"a": None}}, "invented", {"a": None}),
    ],
)  # fmt: skip
def test_fields_are_put_in_ollamas_words(arguments: Any, field: str, value: Any) -> None:
    found = body(**arguments)
    assert found.pop(field) == value
    assert found == body()


def test_pydantic_class_becomes_a_schema() -> None:
    schema = body(response_format=Town)["format"]
    assert schema["properties"] == {"name": {"title": "Name", "type": "string"}}
    assert schema["required"] == ["name"]


@pytest.mark.parametrize(
    "arguments",
    [
        {"user": "u", "metadata": {"a": "b"}, "store": False, "service_tier": "auto"},
        {"stream_options": {"include_usage": True}, "n": 1, "parallel_tool_calls": True},
        {"tools": [TOOL], "tool_choice": "none"},
        {"tools": []},
        {"parallel_tool_calls": False},
        {"safety_identifier": "s", "prompt_cache_key": "k", "prompt_cache_retention": "24h"},
        {"response_format": {"type": "text"}},
        {"seed": None, "think": None},
    ],
)
def test_what_changes_nothing_is_not_sent(arguments: dict[str, Any]) -> None:
    assert body(**arguments) == body()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ({"tools": [TOOL], "tool_choice": "required"}, "cannot force a tool call"),
        ({"tools": [TOOL], "tool_choice": "f"}, "cannot force a tool call"),
        ({"tools": [{"type": "web_search"}]}, "tools[0] is of type 'web_search'"),
        ({"n": 2}, "n is not 1"),
        ({"tools": [TOOL], "parallel_tool_calls": False}, "parallel_tool_calls is off"),
        ({"logit_bias": {"1": 2}}, "Ollama has no logit_bias"),
        ({"functions": []}, "give tools"),
        ({"thinking": {"type": "enabled"}}, "give reasoning_effort"),
        ({"reasoning_effort": "much"}, "reasoning_effort is 'much'"),
        ({"max_tokens": 1, "num_predict": 2}, "max_tokens and num_predict differ"),
        ({"options": 5}, "options is a int"),
        ({"temperature": 0.5, "options": {"top_p": float("nan")}}, "options.top_p is nan"),
        ({"keep_alive": object()}, "cannot be written as JSON"),
    ],
)
def test_what_ollama_cannot_do_is_refused(arguments: dict[str, Any], told: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        body(**arguments)
    assert told in caught.value.message


def test_system_turns_stay_where_they_are() -> None:
    developer = {"role": "developer", "content": [{"type": "text", "text": "Be kind."}]}
    found = body([USER, developer, USER], system="Be brief.")["messages"]
    assert [(turn["role"], turn["content"]) for turn in found] == [
        ("system", "Be brief."),
        ("user", "Hello!"),
        ("system", "Be kind."),
        ("user", "Hello!"),
    ]


@pytest.mark.parametrize(
    ("part", "text", "images"),
    [
        ({"type": "text", "text": "Look:", "cache_control": {"type": "ephemeral"}}, "Look:", []),
        ("Look:", "Look:", []),
        ({"type": "refusal", "refusal": "No."}, "No.", []),
        ({"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}, "", [PNG]),
        ({"type": "image_url", "image_url": f"data:image/png;base64,{PNG}"}, "", [PNG]),
        ({"type": "image_url", "image_url": f"DATA:image/PNG;base64,{PNG}"}, "", [PNG]),
        ({"type": "file", "file": {"file_data": PNG, "filename": "a.png"}}, "", [PNG]),
        ({"type": "input_image", "image_url": f"data:image/png;base64,{PNG}"}, "", [PNG]),
        ({"type": "image_url", "image_url": {"url": "data:image/svg+xml,%3Csvg/%3E"}},
         "", ["PHN2Zy8+"]),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
         "", [PNG]),
        ({"type": "document", "source": {"type": "text", "data": "A page."}}, "A page.", []),
        ({"type": "input_audio", "input_audio": {"data": "UklGRg==", "format": "wav"}},
         "", ["UklGRg=="]),
        ({"type": "file", "file": {"file_data": f"data:image/png;base64,{PNG}"}}, "", [PNG]),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,SGkh"}}, "Hi!", []),
    ],
)  # fmt: skip
def test_parts_become_text_and_images(part: Any, text: str, images: list[str]) -> None:
    [found] = sent(user(part))
    assert found == {"role": "user", "content": text} | ({"images": images} if images else {})


def test_texts_of_parts_are_put_on_lines_of_their_own() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    [found] = sent(user({"type": "text", "text": "a"}, image, {"type": "text", "text": "b"}, image))
    assert found == {"role": "user", "content": "a\nb", "images": [PNG, PNG]}


def test_ollamas_own_shapes_pass_through() -> None:
    turn = {"role": "user", "content": "Look:", "images": [PNG]}
    call = {"id": "c", "function": {"name": "f", "arguments": {"x": None}}}
    calls = {"role": "assistant", "content": "", "thinking": "Hm.", "tool_calls": [call]}
    result = {"role": "tool", "tool_name": "f", "tool_call_id": "c", "content": "7"}
    control = {"role": "control", "content": "thinking"}
    assert sent(turn, calls, result, control) == [turn, calls, result, control]
    assert sent({**turn, "images": [b"\x89PNG\r\n\x1a\n"]}) == [turn]
    assert sent({**turn, "images": [f"data:image/png;base64,{PNG}"]}) == [turn]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        ({"type": "image_url", "image_url": {"url": "https://x.test/a.png?sig=s3cret"}}, "fetches"),
        ({"type": "image", "source": {"type": "url", "url": "https://x.test/a.png"}}, "fetches"),
        ({"type": "document", "source": {"type": "url", "url": "https://x.test/"}}, "fetches"),
        ({"type": "document", "source": {"type": "base64", "data": "JVBERi0="}}, "is a file"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,JVBE"}}, "is a file"),
        ({"type": "file", "file": {"file_id": "file-1"}}, "is a file"),
        ({"type": "file", "file": {"file_data": "data:text/plain;base64,*"}}, "no UTF-8 text"),
        ({"type": "image_url"}, ".image_url has no 'url'"),
        ({"type": "image_url", "image_url": {"url": "data:image/png;base64"}}, "without content"),
        ({"type": "file", "file": {"file_data": "https://x.test/a.png"}}, "fetches"),
        ({"type": "input_audio", "input_audio": {}}, "input_audio.data"),
        ({"type": "text"}, ".text is missing"),
        ({"type": "tool_result", "content": "7"}, "'tool_result'"),
        ({"type": ["text"]}, "has no form for"),
        ({}, "is no content part"),
        (5, "is no content part"),
    ],
)
def test_part_without_a_form_is_named(part: Any, told: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        sent(USER, user("Look:", part))
    assert caught.value.message.startswith("messages[1].content[1]")
    assert told in caught.value.message
    assert "s3cret" not in caught.value.message


@pytest.mark.parametrize(
    ("message", "place"),
    [
        ({"role": "user", "content": 5}, "messages[0].content is a int"),
        ({"role": "user", "content": "", "images": PNG}, "messages[0].images is a str"),
        ({"role": "user", "content": "", "images": [5]}, "messages[0].images[0] is a int"),
        ({"role": "user", "images": ["https://x.test/a.png"]}, "messages[0].images[0] is given by"),
        ({"role": "assistant", "tool_calls": [5]}, "messages[0].tool_calls[0] is no call"),
        ({"role": "assistant", "tool_calls": [{"function": {}}]}, "messages[0].tool_calls[0] is"),
        (
            {"role": "assistant", "tool_calls": [{"function": {"name": "f", "arguments": "{"}}]},
            "messages[0].tool_calls[0].function.arguments is no JSON object",
        ),
        (
            {"role": "assistant", "function_call": {"name": "f", "arguments": "[1]"}},
            "messages[0].tool_calls[0].function.arguments is no",
        ),
        ({"role": "tool", "content": object()}, "messages[0].content cannot be written as JSON"),
    ],
)
def test_message_without_a_form_is_named(message: dict[str, Any], place: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        sent(message)
    assert caught.value.message.startswith(place)


def test_tool_results_name_their_tools() -> None:
    response = ChatResponse(
        content="",
        model="m",
        tool_calls=[ToolCall("call_0", "f", {"x": 1}), ToolCall("call_1", "g", "")],
    )
    results = [
        ChatMessage("tool", "sunny", tool_call_id="call_0"),
        {"role": "tool", "tool_call_id": "call_1", "content": [{"degrees": 20}]},
    ]
    _, turn, first, second = sent(USER, response.to_message(), *results)
    assert turn["tool_calls"] == [
        {"id": "call_0", "function": {"name": "f", "arguments": {"x": 1}}},
        {"id": "call_1", "function": {"name": "g", "arguments": {}}},
    ]
    assert first == {
        "role": "tool", "content": "sunny", "tool_name": "f", "tool_call_id": "call_0"
    }  # fmt: skip
    assert (second["tool_name"], second["content"]) == ("g", '[{"degrees":20}]')


def test_made_up_ids_of_two_turns_name_the_latest_tool() -> None:
    turns = [
        ChatResponse("", "m", tool_calls=[ToolCall("call_0", name, {})]).to_message()
        for name in ("f", "g")
    ]
    result = {"role": "tool", "tool_call_id": "call_0", "content": "1"}
    found = sent(turns[0], result, turns[1], result)
    assert [turn.get("tool_name") for turn in found] == [None, "f", None, "g"]


@pytest.mark.parametrize(
    ("content", "text"),
    [
        (None, ""),
        ("7", "7"),
        ({"degrees": 20}, '{"degrees":20}'),
        (7, "7"),
        ([{"type": "text", "text": "7"}], "7"),
        ([1, 2], "[1,2]"),
    ],
)
def test_tool_result_is_text_or_json(content: Any, text: str) -> None:
    [found] = sent({"role": "tool", "name": "f", "content": content})
    assert found == {"role": "tool", "content": text, "tool_name": "f"}


def test_tool_result_may_hold_an_image() -> None:
    image = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    [found] = sent({"role": "tool", "name": "f", "content": [image]})
    assert found["images"] == [PNG]


@pytest.mark.parametrize(
    "fields",
    [
        {"thinking": "Hm."},
        {"reasoning_content": "Hm."},
        {"reasoning": "Hm."},
        {"thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": ""}]},
        ChatResponse("", "m", reasoning="Hm.").to_message(),
        {"content": [{"type": "thinking", "thinking": "Hm."}, {"type": "redacted_thinking"}]},
        {"thinking": "Hm.", "thinking_blocks": [{"thinking": "Hm."}]},
    ],
)
def test_thoughts_go_back_to_the_model(fields: dict[str, Any]) -> None:
    [found] = sent({"role": "assistant", **fields})
    assert found == {"role": "assistant", "content": "", "thinking": "Hm."}


def test_thoughts_that_others_have_signed_stay_out() -> None:
    blocks = [{"type": "thinking", "thinking": "Hm.", "signature": "s"}]
    response = ChatResponse("Hi!", "claude", reasoning="Hm.", thinking_blocks=blocks)
    assert sent(response.to_message()) == [{"role": "assistant", "content": "Hi!"}]


def test_legacy_function_turns_are_tool_turns() -> None:
    call = {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": ""}}
    result = {"role": "function", "name": "f", "content": "7"}
    turn, answer = sent(call, result)
    assert turn["tool_calls"] == [{"id": "call_0", "function": {"name": "f", "arguments": {}}}]
    assert answer == {"role": "tool", "content": "7", "tool_name": "f", "tool_call_id": "call_0"}


def test_messages_of_the_caller_are_not_changed() -> None:
    message = user({"type": "text", "text": "a"})
    before = json.dumps(message)
    sent(message)
    assert json.dumps(message) == before
