"""A 200 is not success: what is no answer raises, and text that is returned is text."""

from __future__ import annotations

import json
import math

import pytest

from LLM import (
    InvalidRequestError,
    LLMAPIError,
    LLMAuthError,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
)
from tests.remote import wire
from tests.remote.conftest import CALLS, MESSAGES

PLAIN = ["chat", "completion", "models"]
ALL = list(CALLS)

NO_ANSWERS = {
    "empty": b"",
    "spaces": b"   \n ",
    "null": b"null",
    "None": b"None",
    "true": b"true",
    "number": b"1",
    "string": b'"Hello!"',
    "list": b"[]",
    "object": b"{}",
    "html": b"<!doctype html><html><body>Sign in</body></html>",
    "text": b"OK",
    "cut": b'{"id": "chatcmpl-1", "choices": [{"mess',
    "two-documents": json.dumps(wire.CHAT).encode() * 2,
    "trailing-text": json.dumps(wire.CHAT).encode() + b" and more",
    "single-quotes": b"{'choices': []}",
    "deep-list": b"[" * 100_000,
    "deep-list-closed": b"[" * 100_000 + b"]" * 100_000,
    "deep-object": b'{"a":' * 100_000 + b"1" + b"}" * 100_000,
    "binary": bytes(range(256)),
    "utf-16": json.dumps(wire.CHAT).encode("utf-16"),
    "nul": b"\x00" * 100,
}


@pytest.mark.parametrize("body", NO_ANSWERS.values(), ids=NO_ANSWERS)
def test_success_without_an_answer_is_a_response_error(call, serve, failure, body):
    server = serve(wire.answer(body))
    error = failure(call, server, max_retries=3)
    assert type(error) is LLMResponseError
    assert error.status_code == 200
    assert len(str(error).encode()) < 8192
    assert len(server.requests) == 1


def _chat_with(**choice: object) -> dict:
    right = wire.CHAT["choices"][0]
    return {**wire.CHAT, "choices": [{**right, **choice}]}


def _message(**fields: object) -> dict:
    return _chat_with(message={"role": "assistant", **fields})


WRONG_CHATS = {
    "choices-null": {**wire.CHAT, "choices": None},
    "choices-missing": {k: v for k, v in wire.CHAT.items() if k != "choices"},
    "choices-empty": {**wire.CHAT, "choices": []},
    "choices-object": {**wire.CHAT, "choices": {"0": wire.CHAT["choices"][0]}},
    "choices-text": {**wire.CHAT, "choices": "Hello!"},
    "choice-null": {**wire.CHAT, "choices": [None]},
    "choice-text": {**wire.CHAT, "choices": ["Hello!"]},
    "message-null": _chat_with(message=None),
    "message-text": _chat_with(message="Hello!"),
    "message-list": _chat_with(message=[]),
    "message-missing": {**wire.CHAT, "choices": [{"index": 0, "finish_reason": "stop"}]},
    "content-number": _message(content=5),
    "content-true": _message(content=True),
    "content-list": _message(content=["Hello!"]),
    "content-object": _message(content={"text": "Hello!"}),
    "tool-calls-text": _message(content=None, tool_calls="f()"),
    "tool-call-without-function": _message(content=None, tool_calls=[{"id": "1"}]),
    "tool-name-number": _message(
        content=None, tool_calls=[{"id": "1", "function": {"name": 5, "arguments": "{}"}}]
    ),
}


ODD_CHATS = {
    "content-parts": _message(
        content=[{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hello!"}]
    ),
    "arguments-object": _message(
        content="Hello!", tool_calls=[{"id": 7, "function": {"name": "f", "arguments": {"a": 1}}}]
    ),
    "finish-reason-object": _chat_with(finish_reason={"a": 1}),
    "index-text": _chat_with(index="first"),
    "index-null": _chat_with(index=None),
    "role-null": _message(role=None, content="Hello!"),
    "usage-text": {**wire.CHAT, "usage": "five"},
    "usage-odd": {**wire.CHAT, "usage": {"prompt_tokens": 1.5, "total_tokens": "many"}},
    "created-float": {**wire.CHAT, "created": 1.5},
    "id-number": {**wire.CHAT, "id": 5},
    "object-null": {**wire.CHAT, "object": None},
    "logprobs-odd": _chat_with(logprobs={"content": "none"}),
}


@pytest.mark.parametrize("body", ODD_CHATS.values(), ids=ODD_CHATS)
def test_odd_details_cost_no_answer(serve, client, body):
    response = client(serve(wire.answer(body))).chat_completion(MESSAGES)
    assert (response.text, response.choices[0].index) == ("Hello!", 0)
    for call in response.choices[0].message.tool_calls or ():
        assert (call.id, call.function.arguments) == ("7", '{"a":1}')


@pytest.mark.parametrize("body", WRONG_CHATS.values(), ids=WRONG_CHATS)
def test_chat_of_the_wrong_shape_is_a_response_error(serve, failure, body):
    error = failure(CALLS["chat"], serve(wire.answer(body)))
    assert type(error) is LLMResponseError
    assert "ChatCompletionResponse" in str(error)


@pytest.mark.parametrize(
    "body",
    [
        {**wire.COMPLETION, "choices": None},
        {**wire.COMPLETION, "choices": []},
        {**wire.COMPLETION, "choices": [{"index": 0}]},
        {**wire.COMPLETION, "choices": [{"index": 0, "text": None}]},
        {**wire.COMPLETION, "choices": [{"index": 0, "text": ["Hello!"]}]},
        wire.CHAT,
    ],
    ids=["null", "empty", "no-text", "text-null", "text-list", "a-chat"],
)
def test_completion_of_the_wrong_shape_is_a_response_error(serve, failure, body):
    assert type(failure(CALLS["completion"], serve(wire.answer(body)))) is LLMResponseError


@pytest.mark.parametrize(
    "body",
    [{"data": None}, {"data": {}}, {"data": [None]}, {"data": [{"id": None}]}, {"models": []}],
    ids=["null", "object", "list-of-null", "id-null", "other-name"],
)
def test_models_of_the_wrong_shape_are_a_response_error(serve, failure, body):
    assert type(failure(CALLS["models"], serve(wire.answer(body)))) is LLMResponseError


@pytest.mark.parametrize(
    "fields", [{"content": None}, {}, {"content": ""}], ids=["null", "missing", "empty"]
)
def test_message_without_text_is_an_answer(serve, client, fields):
    response = client(serve(wire.answer(_message(**fields)))).chat_completion(MESSAGES)
    assert response.text == ""
    assert response.choices[0].message.content == fields.get("content")


ERRORS_INSIDE = {
    "openai": ({"error": {"message": "the reason", "type": "x"}}, LLMAPIError),
    "text": ({"error": "the reason"}, LLMAPIError),
    "beside-choices": ({**wire.CHAT, "error": {"message": "the reason"}}, LLMAPIError),
    "empty-choices": ({"choices": [], "error": {"message": "the reason"}}, LLMAPIError),
    "null-choices": ({"choices": None, "error": {"message": "the reason"}}, LLMAPIError),
    "vllm": ({"object": "error", "message": "the reason", "code": 400}, InvalidRequestError),
    "llama.cpp": (
        {"error": {"code": 500, "message": "the reason", "type": "server_error"}},
        LLMServerError,
    ),
    "key": ({"error": {"message": "the reason", "code": "invalid_api_key"}}, LLMAuthError),
    "openrouter-429": ({"error": {"message": "the reason", "code": 429}}, LLMRateLimitError),
    "code-as-text": ({"error": {"message": "the reason", "code": "503"}}, LLMServerError),
    "context": (
        {"error": {"message": "the reason", "code": "context_length_exceeded"}},
        LLMContextLengthError,
    ),
    "type-only": (
        {"error": {"message": "the reason", "type": "overloaded_error", "code": None}},
        LLMServerError,
    ),
    "google-list": ([{"error": {"code": 400, "message": "the reason"}}], InvalidRequestError),
}


@pytest.mark.parametrize(("body", "expected"), ERRORS_INSIDE.values(), ids=ERRORS_INSIDE)
def test_error_inside_a_success_is_raised_as_what_it_says(call, serve, failure, body, expected):
    server = serve(wire.answer(body))
    error = failure(call, server, max_retries=3)
    assert isinstance(error, expected)
    assert "the reason" in str(error)
    assert len(server.requests) == 1


@pytest.mark.parametrize("error", [None, {}, "", False, []], ids=repr)
def test_empty_error_beside_an_answer_is_none(serve, client, error):
    llm = client(serve(wire.answer({**wire.CHAT, "error": error})))
    assert llm.chat_completion(MESSAGES).text == "Hello!"


SPOILED_TEXTS = {
    "lone-high": (rb"a\ud83db", "a�b"),
    "lone-low": (rb"a\ude00b", "a�b"),
    "reversed-pair": (rb"\ude00\ud83d", "��"),
    "pair": (rb"\ud83d\ude00", "😀"),
    "pair-then-lone": (rb"\ud83d\ude00\ud83d", "😀�"),
    "escaped-backslash": (rb"\\ud83d", r"\ud83d"),
    "invalid-utf8": (b"a\xffb", "a�b"),
    "encoded-surrogate": (b"a\xed\xa0\xbdb", "a���b"),
    "nul": (rb"a\u0000b", "a\0b"),
    "line-separators": ("a\u2028b\u2029c\x85d".encode(), "a\u2028b\u2029c\x85d"),
}


@pytest.mark.parametrize(("raw", "text"), SPOILED_TEXTS.values(), ids=SPOILED_TEXTS)
@pytest.mark.parametrize("kind", ["chat", "chat-stream", "completion", "completion-stream"])
def test_text_that_is_no_unicode_is_kept_with_replacements(kind, serve, client, raw, text):
    good = CALLS[kind].good.partition(b"\r\n\r\n")[2]
    if CALLS[kind].streamed:
        body = wire.CHAT_EVENTS if kind == "chat-stream" else wire.COMPLETION_EVENTS
        script = wire.stream_answer(body.replace(b"Hel", raw).replace(b"lo!", b""))
    else:
        script = wire.answer(good.replace(b"Hello!", raw))
    found = CALLS[kind].run(client(serve(script))).text
    assert found == text
    found.encode()


def test_surrogate_pair_split_between_chunks_gives_text(serve, client):
    halves = [rb'{"choices":[{"delta":{"content":"\ud83d"}}]}',
              rb'{"choices":[{"delta":{"content":"\ude00"},"finish_reason":"stop"}]}']  # fmt: skip
    script = wire.stream_answer(b"".join(map(wire.event, halves)) + wire.DONE)
    stream = client(serve(script)).chat_completion(MESSAGES, stream=True)
    stream.response.text.encode()
    assert len(stream.text) in (1, 2)


@pytest.mark.parametrize("kind", PLAIN)
def test_byte_order_mark_is_no_obstacle(kind, serve, client):
    body = CALLS[kind].good.partition(b"\r\n\r\n")[2]
    assert CALLS[kind].run(client(serve(wire.answer(b"\xef\xbb\xbf" + body))))


def test_last_of_duplicate_keys_counts(serve, client):
    body = json.dumps(wire.CHAT).replace('"content": "Hello!"', '"content": 5, "content": "Hi"')
    assert client(serve(wire.answer(body.encode()))).chat_completion(MESSAGES).text == "Hi"


@pytest.mark.parametrize("literal", [b"NaN", b"Infinity", b"-Infinity", b"1e999"])
def test_numbers_that_are_no_numbers_do_not_escape(serve, client, literal):
    body = json.dumps(wire.CHAT).encode().replace(b"1700000000", literal)
    try:
        response = client(serve(wire.answer(body))).chat_completion(MESSAGES)
    except LLMResponseError:
        return
    assert response.created is None or math.isfinite(response.created)


@pytest.mark.parametrize("digits", [400, 4000, 4301, 10_000, 1_000_000])
@pytest.mark.parametrize("field", [b'"created": ', b'"prompt_tokens": ', b'"unknown": '])
def test_huge_integer_is_read_or_a_response_error(serve, client, digits, field, caplog):
    body = json.dumps({"unknown": 1, **wire.CHAT, "usage": {"prompt_tokens": 3}}).encode()
    start = body.index(field) + len(field)
    end = min(body.index(mark, start) for mark in (b",", b"}") if mark in body[start:])
    body = body[:start] + b"9" * digits + body[end:]
    llm = client(serve(wire.answer(body)), max_total_tokens=10**6)
    with caplog.at_level("DEBUG"):
        for _ in range(2):
            try:
                assert llm.chat_completion(MESSAGES).text == "Hello!"
            except LLMError as err:
                str(err)


def test_counts_below_zero_do_not_lift_the_limit(serve, client):
    usage = {"prompt_tokens": -(10**9), "completion_tokens": -5, "total_tokens": -(10**9)}
    llm = client(serve(wire.answer({**wire.CHAT, "usage": usage})))
    llm.chat_completion(MESSAGES)
    assert llm.usage.total.total_tokens >= 0


@pytest.mark.parametrize(
    "usage",
    [None, {}, {"prompt_tokens": 3}, {"prompt_tokens": None, "completion_tokens": None}],
    ids=["null", "empty", "partial", "nulls"],
)
def test_answer_with_partial_usage_is_kept(serve, client, usage):
    llm = client(serve(wire.answer({**wire.CHAT, "usage": usage})))
    assert llm.chat_completion(MESSAGES).text == "Hello!"


def test_unknown_fields_are_kept(serve, client):
    llm = client(serve(wire.answer(_message(content="Hi", reasoning_content="Because"))))
    assert llm.chat_completion(MESSAGES).choices[0].message.reasoning_content == "Because"
