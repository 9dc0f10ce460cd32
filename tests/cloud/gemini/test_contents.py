"""What becomes of a conversation at Gemini."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.llm import ChatResponse, InvalidRequestError, ToolCall
from tests.cloud.gemini.sent import USER, body, contents, parts

PNG = "iVBORw0KGgo="
MARK = {"cache_control": {"type": "ephemeral"}}
GREETED = {"role": "user", "parts": [{"text": "Hello!"}]}


def _blob(mime_type: str, data: str = PNG) -> dict[str, Any]:
    return {"inlineData": {"mimeType": mime_type, "data": data}}


def _at(uri: str, mime_type: str | None = None) -> dict[str, Any]:
    return {"fileData": {**({"mimeType": mime_type} if mime_type else {}), "fileUri": uri}}


def _image(url: Any, **fields: Any) -> dict[str, Any]:
    return {"type": "image_url", "image_url": {"url": url, **fields}}


UPLOADED = "https://generativelanguage.googleapis.com/v1beta/files/abc"
PARTS: dict[str, tuple[Any, dict[str, Any]]] = {
    "text": ({"type": "text", "text": "a", **MARK}, {"text": "a"}),
    "text of responses": ({"type": "input_text", "text": "a"}, {"text": "a"}),
    "bare text": ("a", {"text": "a"}),
    "image": (_image(f"data:image/png;base64,{PNG}", detail="low"), _blob("image/png")),
    "image as text": (
        {"type": "image_url", "image_url": "https://x.example/a.webp"},
        _at("https://x.example/a.webp", "image/webp"),
    ),
    "percent-encoded": (
        _image("data:image/svg+xml,%3Csvg/%3E"),
        _blob("image/svg+xml", "PHN2Zy8+"),
    ),
    "image elsewhere": (
        _image("https://x.example/a.JPG?w=3"),
        _at("https://x.example/a.JPG?w=3", "image/jpeg"),
    ),
    "image without ending": (_image("https://example.com"), _at("https://example.com")),
    "image whose type is told": (
        _image("https://x.example/1", mime_type="image/png"),
        _at("https://x.example/1", "image/png"),
    ),
    "cloud storage": (_image("gs://bucket/a.png"), _at("gs://bucket/a.png", "image/png")),
    "video": (
        {"type": "video_url", "video_url": {"url": "https://youtu.be/x"}},
        _at("https://youtu.be/x"),
    ),
    "audio": (
        {"type": "input_audio", "input_audio": {"data": PNG, "format": "wav"}},
        _blob("audio/wav"),
    ),
    "file": (
        {"type": "file", "file": {"file_data": f"data:application/pdf;base64,{PNG}"}},
        _blob("application/pdf"),
    ),
    "image of responses": (
        {"type": "input_image", "image_url": "https://x.example/a.png"},
        _at("https://x.example/a.png", "image/png"),
    ),
    "file behind an address": (
        {"type": "file", "file": {"file_data": "https://x.example/a.pdf", "filename": "b.png"}},
        _at("https://x.example/a.pdf", "application/pdf"),
    ),
    "file by its ending": (
        {"type": "file", "file": {"file_data": PNG, "filename": "a.pdf"}},
        _blob("application/pdf"),
    ),
    "uploaded file": (
        {"type": "file", "file": {"file_id": UPLOADED, "format": "video/mp4"}},
        _at(UPLOADED, "video/mp4"),
    ),
    "uploaded file's name": ({"type": "file", "file": {"file_id": "files/abc"}}, _at(UPLOADED)),
    "Anthropic's image": (
        {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}},
        _blob("image/png"),
    ),
    "Anthropic's document": (
        {"type": "document", "source": {"type": "url", "url": "https://x.example/a.pdf"}, **MARK},
        _at("https://x.example/a.pdf", "application/pdf"),
    ),
    "Anthropic's text document": (
        {"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "a"}},
        {"text": "a"},
    ),
    "Google's own": (
        {"inline_data": {"mime_type": "image/png", "data": PNG}, **MARK},
        {"inline_data": {"mime_type": "image/png", "data": PNG}},
    ),
}


@pytest.mark.parametrize("name", PARTS)
def test_parts_have_their_form(name: str) -> None:
    given, expected = PARTS[name]
    assert parts([given]) == [expected]


REFUSED_PARTS: dict[str, tuple[Any, str]] = {
    "unknown kind": ({"type": "hologram"}, "of type 'hologram' has no form"),
    "no kind": ({"x": 1}, "of type None has no form"),
    "number": (5, "is a int"),
    "text that is none": ({"type": "text", "text": 5}, ".text is a int"),
    "no address": ({"type": "image_url", "image_url": {}}, "has no 'url'"),
    "file on disk": (_image("file:///etc/passwd"), "an address that Gemini cannot fetch"),
    "broken address": (_image("http://[::1/a.png"), "an address that Gemini cannot fetch"),
    "untyped data": (_image("data:;base64,AAAA"), "without a media type"),
    "untyped file": ({"type": "file", "file": {"file_data": "AAAA"}}, "tells no type"),
    "empty file": ({"type": "file", "file": {}}, "neither 'file_data' nor 'file_id'"),
    "file of OpenAI": ({"type": "file", "file": {"file_id": "file-1"}}, "cannot fetch"),
    "audio without format": ({"type": "input_audio", "input_audio": {"data": "A"}}, "lacks"),
    "source": ({"type": "image", "source": {"type": "file"}}, "source of type 'file'"),
}


@pytest.mark.parametrize("name", REFUSED_PARTS)
def test_a_part_without_a_form_is_named(name: str) -> None:
    given, problem = REFUSED_PARTS[name]
    with pytest.raises(InvalidRequestError) as caught:
        contents(USER, {"role": "user", "content": ["a", given]})
    assert str(caught.value).startswith("messages[1].content[1]")
    assert problem in str(caught.value)


def test_system_turns_become_the_instruction_wherever_they_stand() -> None:
    sent = body(
        [USER, {"role": "developer", "content": [{"type": "text", "text": "b", **MARK}]}],
        system="a",
        system_instruction="c",
    )
    assert sent["systemInstruction"] == {"parts": [{"text": "a"}, {"text": "b"}, {"text": "c"}]}
    assert sent["contents"] == [GREETED]


def _call(name: str, arguments: Any, call_id: str | None = None, **fields: Any) -> dict[str, Any]:
    function = {"name": name, "arguments": arguments}
    return {
        "type": "function",
        "function": function,
        **({"id": call_id} if call_id else {}),
        **fields,
    }


def test_results_in_a_row_are_one_turn_and_bear_their_calls_names() -> None:
    calls = [_call("f", '{"x": null}', "a"), _call("g", {"y": 1}, "b"), _call("h", "", "c")]
    sent = contents(
        USER,
        {"role": "assistant", "content": "I look.", "tool_calls": calls},
        {"role": "tool", "tool_call_id": "b", "content": '{"t": 1}'},
        {"role": "tool", "tool_call_id": "a", "content": "sunny"},
        {"role": "tool", "tool_call_id": "c", "content": {"deep": [1]}},
        USER,
        model="gemini-2.5-flash",
    )
    assert sent[1:] == [
        {
            "role": "model",
            "parts": [
                {"text": "I look."},
                {"functionCall": {"name": "f", "args": {"x": None}, "id": "a"}},
                {"functionCall": {"name": "g", "args": {"y": 1}, "id": "b"}},
                {"functionCall": {"name": "h", "args": {}, "id": "c"}},
            ],
        },
        {
            "role": "user",
            "parts": [
                {"functionResponse": {"name": "g", "response": {"t": 1}, "id": "b"}},
                {"functionResponse": {"name": "f", "response": {"result": "sunny"}, "id": "a"}},
                {"functionResponse": {"name": "h", "response": {"deep": [1]}, "id": "c"}},
            ],
        },
        GREETED,
    ]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        ("", {"response": {"result": ""}}),
        (None, {"response": {"result": ""}}),
        ("[1, 2]", {"response": {"result": "[1, 2]"}}),
        ('{"cut": ', {"response": {"result": '{"cut": '}}),
        ('{"x": NaN}', {"response": {"result": '{"x": NaN}'}}),
        ("{" * 300, {"response": {"result": "{" * 300}}),
        ([1, {"a": 2}], {"response": {"result": [1, {"a": 2}]}}),
        ([], {"response": {"result": []}}),
        (18, {"response": {"result": 18}}),
        (
            [{"type": "text", "text": "seen"}, _image(f"data:image/png;base64,{PNG}")],
            {"response": {"result": "seen"}, "parts": [_blob("image/png")]},
        ),
    ],
)  # fmt: skip
def test_a_result_is_an_object(content: Any, expected: dict[str, Any]) -> None:
    asked = {"role": "assistant", "tool_calls": [_call("f", "{}", "a")]}
    sent = contents(USER, asked, {"role": "tool", "tool_call_id": "a", "content": content})
    assert sent[2]["parts"] == [{"functionResponse": {"name": "f", "id": "a", **expected}}]


def test_an_id_that_turns_share_means_the_last_call() -> None:
    asked = [{"role": "assistant", "tool_calls": [_call(name, "{}", "call_0")]} for name in "fg"]
    result = {"role": "tool", "tool_call_id": "call_0", "content": "x"}
    sent = contents(USER, asked[0], result, asked[1], result)
    assert [turn["parts"][0]["functionResponse"]["name"] for turn in sent[2::2]] == ["f", "g"]


def test_legacy_function_turns_are_understood() -> None:
    sent = contents(
        USER,
        {"role": "assistant", "content": None, "function_call": {"name": "f", "arguments": "{}"}},
        {"role": "function", "name": "f", "content": "x"},
        model="gemini-2.5-flash",
    )
    (called,), (answered,) = sent[1]["parts"], sent[2]["parts"]
    assert called["functionCall"] == {"name": "f", "args": {}, "id": "call_0"}
    response = {"name": "f", "id": "call_0", "response": {"result": "x"}}
    assert answered["functionResponse"] == response


def test_a_failed_tools_words_are_an_error() -> None:
    asked = {"role": "assistant", "tool_calls": [_call("f", "{}", "a")]}
    failed = {"role": "tool", "tool_call_id": "a", "content": "no such city", "is_error": True}
    (part,) = contents(USER, asked, failed)[2]["parts"]
    assert part["functionResponse"]["response"] == {"error": "no such city"}


def test_turns_in_googles_own_form_pass() -> None:
    turns = [GREETED, {"role": "model", "parts": [{"text": "Hi.", "thoughtSignature": "QQ=="}]}]
    assert contents(*turns, USER) == [*turns, GREETED]


def _signature(*calls: dict[str, Any], model: str = "gemini-3.8-flash") -> list[str | None]:
    sent = contents(USER, {"role": "assistant", "tool_calls": list(calls)}, model=model)
    return [part.get("thoughtSignature") for part in sent[1]["parts"]]


def test_signatures_go_back_where_they_came_from() -> None:
    signed = _call("f", "{}", extra_content={"google": {"thought_signature": "QUJD"}})
    assert _signature(signed, _call("g", "{}")) == ["QUJD", None]


@pytest.mark.parametrize("model", ["gemini-3.8-flash", "models/gemini-flash-latest"])
def test_calls_that_another_model_made_say_so(model: str) -> None:
    calls = _call("f", "{}"), _call("g", "{}")
    assert _signature(*calls, model=model) == ["skip_thought_signature_validator", None]


@pytest.mark.parametrize("model", ["gemini-2.5-pro", "models/gemini-2.0-flash", "gemma-4-27b-it"])
def test_models_that_do_without_signatures_get_none(model: str) -> None:
    assert _signature(_call("f", "{}"), model=model) == [None]


def test_an_answer_goes_back_as_it_came() -> None:
    answer = ChatResponse(
        content="Hi.",
        model="m",
        tool_calls=[ToolCall("a", "f", {}, {"google": {"thought_signature": "QUJD"}})],
        thinking_blocks=[
            {"type": "thinking", "thinking": "One.", "signature": "google:QUFB"},
            {"type": "thinking", "thinking": "unsigned", "signature": ""},
            {"type": "thinking", "thinking": "Claude's", "signature": "EqQBCgIYAhIM"},
            {"type": "redacted_thinking", "data": "EmwKAhgB"},
            {"type": "thinking", "thinking": "", "signature": "google:QkJC"},
        ],
    )
    assert contents(USER, answer.to_message())[1]["parts"] == [
        {"text": "One.", "thought": True, "thoughtSignature": "QUFB"},
        {"text": "Hi.", "thoughtSignature": "QkJC"},
        {"functionCall": {"name": "f", "args": {}, "id": "a"}, "thoughtSignature": "QUJD"},
    ]


def test_a_signature_without_text_goes_back_in_an_empty_part() -> None:
    blocks = [{"type": "thinking", "thinking": "", "signature": "google:QkJC"}]
    sent = contents(USER, {"role": "assistant", "content": None, "thinking_blocks": blocks}, USER)
    assert sent[1]["parts"] == [{"text": "", "thoughtSignature": "QkJC"}]


@pytest.mark.parametrize(
    ("message", "expected"),
    [
        ({"role": "assistant", "content": None, "refusal": "No."}, [{"text": "No."}]),
        (
            {
                "role": "assistant",
                "content": [{"type": "thinking", "thinking": "x"}, {"type": "text", "text": "Hi."}],
            },
            [{"text": "Hi."}],
        ),
    ],
    ids=["refusal", "Anthropic's thoughts"],
)
def test_assistants_turns_have_their_form(message: dict[str, Any], expected: Any) -> None:
    assert contents(USER, message)[1] == {"role": "model", "parts": expected}


REFUSED: dict[str, tuple[list[Any], str]] = {
    "system alone": ([{"role": "system", "content": "x"}], "no turn that Gemini could answer"),
    "role": ([{"role": "critic", "content": "x"}], r"messages\[0\] has role 'critic'"),
    "no content": ([{"role": "user", "content": None}], r"messages\[0\] has no content"),
    "no parts": ([{"role": "user", "content": []}], r"messages\[0\] has no content"),
    "content": ([{"role": "user", "content": 5}], r"messages\[0\].content is a int"),
    "result": (
        [USER, {"role": "tool", "tool_call_id": "a"}],
        r"messages\[1\] answers the call 'a'",
    ),
    "no call": ([{"role": "assistant", "tool_calls": ["f"]}], r"tool_calls\[0\] is no call"),
    "arguments": (
        [{"role": "assistant", "tool_calls": [_call("f", '{"cut": ')]}],
        r"messages\[0\].tool_calls\[0\]\.function\.arguments is no JSON object",
    ),
    "surrogate in arguments": (
        [{"role": "assistant", "tool_calls": [_call("f", '{"a": "\ud800"}')]}],
        r"tool_calls\[0\]\.function\.arguments is no JSON object",
    ),
    "surrogate": ([{"role": "user", "content": "\ud800"}], "a lone surrogate"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_a_message_without_a_form_is_named(name: str) -> None:
    messages, problem = REFUSED[name]
    with pytest.raises(InvalidRequestError, match=problem):
        contents(*messages)
