"""What becomes of Anthropic's answers, right ones and wrong ones."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloud.llm import ChatResponse
from LLM.exceptions import LLMAPIError, LLMAuthError, LLMResponseError, LLMServerError
from tests.cloud.anthropic import wire
from tests.cloud.anthropic.asked import KEY, SOURCE, codec

HELLO = wire.message(wire.text("Hello!"))


def read(answer: Any) -> ChatResponse:
    body = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
    return codec().response(body, 200, SOURCE)


def without(*names: str) -> dict[str, Any]:
    return {name: value for name, value in HELLO.items() if name not in names}


def test_usage_counts_the_whole_prompt_and_keeps_what_the_cache_cost() -> None:
    cached = {
        "input_tokens": 4,
        "cache_creation_input_tokens": 456,
        "cache_read_input_tokens": 1800,
        "cache_creation": {"ephemeral_5m_input_tokens": 256, "ephemeral_1h_input_tokens": 200},
        "output_tokens": 20,
        "output_tokens_details": {"thinking_tokens": 9},
    }
    response = read({**HELLO, "usage": cached})
    assert response.usage is not None
    assert response.usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 2260,
        "completion_tokens": 20,
        "total_tokens": 2280,
        "prompt_tokens_details": {"cached_tokens": 1800},
        "completion_tokens_details": {"reasoning_tokens": 9},
        "cache_read_input_tokens": 1800,
        "cache_creation_input_tokens": 456,
        "cache_creation": cached["cache_creation"],
    }
    assert (response.input_tokens, response.output_tokens) == (4, 20)


def test_raw_is_the_answer_itself() -> None:
    assert read(HELLO).raw == HELLO


ODD: dict[str, Any] = {
    "no id": without("id"),
    "no model": without("model"),
    "no usage": without("usage"),
    "usage that is none": {**HELLO, "usage": "much"},
    "null counts": {**HELLO, "usage": {"input_tokens": None, "output_tokens": None}},
    "counts that are words": {**HELLO, "usage": {"input_tokens": "few", "output_tokens": -5}},
    "details that are none": {**HELLO, "usage": {"output_tokens_details": 5}},
    "an id that is a number": {**HELLO, "id": 5},
    "details of the stop that are none": {**HELLO, "stop_details": "none"},
    "no stop reason": without("stop_reason"),
    "a thought of no text": wire.message({"type": "thinking", "thinking": 5}, wire.text("Hello!")),
    "a block to come": wire.message({"type": "hologram", "beam": 1}, wire.text("Hello!")),
    "a byte order mark": b"\xef\xbb\xbf" + json.dumps(HELLO).encode(),
}


@pytest.mark.parametrize("answer", ODD.values(), ids=ODD)
def test_odd_details_do_not_cost_the_answer(answer: Any) -> None:
    response = read(answer)
    assert (response.content, response.finish_reason) == ("Hello!", "stop")
    assert response.model in (wire.MODEL, "asked-model")
    assert response.output_tokens in (0, 15)


def test_half_an_emoji_is_replaced() -> None:
    response = read(json.dumps(HELLO).replace("Hello!", "Hello\\ud83d").encode())
    assert response.content == "Hello�"
    assert response.raw is not None
    assert response.raw["content"][0]["text"] == "Hello�"


def test_unknown_stop_reason_stays_as_it_is() -> None:
    assert read(wire.message(stop="nap")).finish_reason == "nap"


UNREADABLE: dict[str, Any] = {
    "empty": b"",
    "html": b"<html>Bad gateway</html>",
    "null": b"null",
    "list": [HELLO],
    "text": "Hello!",
    "cut": json.dumps(HELLO).encode()[:-9],
    "deep": b"[" * 100_000 + b"]" * 100_000,
    "deep inside": b'{"content": ' + b"[" * 100_000 + b"]" * 100_000 + b"}",
    "huge number": b'{"content": [], "stop_reason": "end_turn", "usage": {"a": %s}}'
    % (b"9" * 9999),
    "not UTF-16": json.dumps(HELLO).encode("utf-16"),
    "no content": without("content"),
    "null content": {**HELLO, "content": None},
    "content that is text": {**HELLO, "content": "Hello!"},
    "content of texts": {**HELLO, "content": ["Hello!"]},
    "block without a type": wire.message({"text": "Hello!"}),
    "text without its text": wire.message({"type": "text"}),
    "text that is a number": wire.message({"type": "text", "text": 5}),
    "call without a name": wire.message({"type": "tool_use", "id": "toolu_1", "input": {}}),
    "nothing at all": wire.message(stop=None),
    "openai's": {"choices": [{"message": {"content": "Hello!"}}]},
}


@pytest.mark.parametrize("answer", UNREADABLE.values(), ids=UNREADABLE)
def test_what_answers_nothing_raises(answer: Any) -> None:
    with pytest.raises(LLMResponseError) as caught:
        read(answer)
    assert caught.value.status_code == 200
    assert caught.value.provider == "api.anthropic.com"


INSIDE: dict[str, tuple[Any, type[LLMAPIError], int]] = {
    "overload": (wire.error("overloaded_error", "Overloaded"), LLMServerError, 529),
    "key": (wire.error("authentication_error", f"no key {KEY}"), LLMAuthError, 401),
    "a type to come": (wire.error("tired_error", "Zzz"), LLMAPIError, 200),
    "no type": ({"error": {"message": "no"}}, LLMAPIError, 200),
    "text": ({"error": "no"}, LLMAPIError, 200),
    "beside an answer": ({**HELLO, "error": {"message": "no"}}, LLMAPIError, 200),
}


@pytest.mark.parametrize(("answer", "error", "status"), INSIDE.values(), ids=INSIDE)
def test_error_inside_a_success_is_raised(
    answer: Any, error: type[LLMAPIError], status: int
) -> None:
    with pytest.raises(LLMAPIError) as caught:
        read(answer)
    assert type(caught.value) is error
    assert caught.value.status_code == status
    assert KEY not in f"{caught.value!r} {vars(caught.value)} {caught.value.__context__!r}"
