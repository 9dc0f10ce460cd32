"""What the codec makes of answers and streams, right ones and hostile ones."""

from __future__ import annotations

import json
import time
from typing import Any

import pytest

from cloud.llm.events import (
    Finish,
    ReasoningDelta,
    ResponseAssembler,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from cloud.llm.types import ChatResponse
from LLM.codec import Source
from LLM.exceptions import LLMContentFilterError, LLMError, LLMRateLimitError, LLMResponseError
from tests.cloud.gemini.errors import A_MINUTE, BLOCKED
from tests.cloud.gemini.scripts import SCRIPTS
from tests.cloud.gemini.sent import codec
from tests.cloud.gemini.wire import ID, MODEL, SIGNATURE, answer, call, error, event, stream, text
from tests.cloud.scripts import Script
from tests.remote.wire import cut

KEY = "AIza-test-1234"
SOURCE = Source("host", "asked-model", KEY)
SIZES = (1, 2, 3, 7, 1000)


def read(body: Any) -> ChatResponse:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    return codec().response(data, 200, SOURCE)


def events(data: bytes, size: int = 1000) -> list[StreamEvent]:
    decoder = codec().decoder(200, SOURCE)
    found = [event for piece in cut(data, size) for event in decoder.feed(piece)]
    return found if decoder.done else [*found, *decoder.finish()]


def streamed(data: bytes, size: int = 1000) -> ChatResponse:
    assembler = ResponseAssembler("asked-model")
    for found in events(data, size):
        assembler.add(found)
    response = assembler.response()
    assert response is not None
    return response


def told(response: ChatResponse) -> dict[str, Any]:
    fields = {name: getattr(response, name) for name in response.__slots__}
    return {name: value for name, value in fields.items() if name not in ("raw", "parsed")}


def failed(error: LLMError) -> dict[str, Any]:
    """What an error says, but its words, which quote what arrived."""
    return {**vars(error), "class": type(error), "message": ""}


def _check(script: Script, response: ChatResponse) -> None:
    found = told(response)
    found["tool_calls"] = [(made.name, made.arguments) for made in response.tool_calls]
    expected = {name: value for name, value in script.expected.items() if name != "parsed"}
    assert {name: found[name] for name in expected} == expected


ANSWERED = [script for script in SCRIPTS if script.error is None and script.plain is not None]


@pytest.mark.parametrize("script", ANSWERED, ids=lambda script: script.name)
def test_streams_come_to_what_the_whole_answer_says_however_they_are_cut(script: Script) -> None:
    whole = read(script.plain)
    _check(script, whole)
    assert whole.raw == script.plain
    assert script.stream
    assert all(told(streamed(script.stream, size)) == told(whole) for size in SIZES)


FAILED = [script for script in SCRIPTS if script.error is not None]


@pytest.mark.parametrize("script", FAILED, ids=lambda script: script.name)
def test_failures_are_of_their_class_however_they_are_cut(script: Script) -> None:
    body = script.plain if isinstance(script.plain, bytes) else json.dumps(script.plain).encode()
    found = []
    if script.status != 200:
        found = [codec().refusal(script.status, {}, body, SOURCE)]
    elif script.plain is not None:
        with pytest.raises(LLMError) as caught:
            read(script.plain)
        found = [caught.value]
    for size in SIZES if script.stream else ():
        with pytest.raises(LLMError) as caught:
            events(script.stream or b"", size)
        found.append(caught.value)
    assert [type(failure) for failure in found] == [script.error] * len(found)
    assert all(failed(failure) == failed(found[0]) for failure in found)
    for name in script.expected.keys() - {"text"}:
        assert getattr(found[0], name) == script.expected[name]


def test_events_are_told_as_they_arrive() -> None:
    decoder = codec().decoder(200, SOURCE)
    first = answer(text("I look.", thought=True), text("Hel"), finish=None)
    assert list(decoder.feed(event(first)))[:-1] == [
        Start(MODEL, ID),
        ReasoningDelta("I look."),
        TextDelta("Hel"),
    ]
    assert list(decoder.feed(event(answer(text("lo"), finish=None)))) == [TextDelta("lo")]
    signed = call("f", {"x": 1}, id="a", thoughtSignature=SIGNATURE)
    *told, usage = decoder.feed(event(answer(signed)))
    extra = {"google": {"thought_signature": SIGNATURE}}
    assert told == [ToolCallDelta(0, "a", "f", '{"x":1}', extra), Finish("tool_calls")]
    assert isinstance(usage, UsageUpdate)
    assert not decoder.done
    assert list(decoder.finish()) == []


def test_the_first_event_tells_what_the_prompt_costs_and_the_last_the_rest() -> None:
    counts = [
        {"usageMetadata": {"promptTokenCount": 12, "candidatesTokenCount": n}} for n in (1, 2, 3)
    ]
    data = stream(
        answer(text("a"), finish=None, **counts[0]),
        answer(text("b"), finish=None, **counts[1]),
        answer(text("c"), **counts[2]),
    )
    found = [seen.usage.completion_tokens for seen in events(data) if isinstance(seen, UsageUpdate)]
    assert found == [1, 3]


def test_counts_are_in_openais_shape() -> None:
    counts = {
        "promptTokenCount": 100,
        "cachedContentTokenCount": 80,
        "toolUsePromptTokenCount": 5,
        "candidatesTokenCount": 7,
        "thoughtsTokenCount": 30,
        "totalTokenCount": 142,
    }
    response = read(answer(text("a"), usageMetadata=counts))
    usage = response.usage
    assert usage
    assert usage.model_dump(exclude_none=True) == {
        "prompt_tokens": 105,
        "completion_tokens": 37,
        "total_tokens": 142,
        "prompt_tokens_details": {"cached_tokens": 80},
        "completion_tokens_details": {"reasoning_tokens": 30},
        "tool_use_prompt_tokens": 5,
    }
    assert (response.input_tokens, response.output_tokens) == (100, 37)


@pytest.mark.parametrize(
    "counts", [None, {}, {"promptTokenCount": "many"}, {"promptTokenCount": -1}, {"x": 1}, 5]
)
def test_odd_counts_cost_no_answer(counts: Any) -> None:
    response = read(answer(text("a"), usageMetadata=counts))
    assert (response.content, response.usage) == ("a", None)


def test_ids_that_are_made_up_are_the_same_streamed_and_differ_between_answers() -> None:
    made = answer(call("f", {}), call("g", {}))
    ids = [made_call.id for made_call in read(made).tool_calls]
    assert ids == [f"call_{ID}_0", f"call_{ID}_1"]
    assert [made_call.id for made_call in streamed(stream(made)).tool_calls] == ids
    other = {**made, "responseId": "x" * 50 + "é/"}
    assert all(len(made_call.id) <= 40 for made_call in read(other).tool_calls)
    assert read({**made, "responseId": None}).tool_calls[1].id == "call_1"


@pytest.mark.parametrize("reason", ["NO_IMAGE", "SOMETHING_NEW"])
def test_a_reason_that_openai_does_not_have_stays_as_it_is(reason: str) -> None:
    assert read(answer(text("a"), finish=reason)).finish_reason == reason


def test_an_answer_without_a_reason_has_stopped() -> None:
    assert read(answer(text("a"), finish=None)).finish_reason == "stop"


HOSTILE = {
    "empty": b"",
    "null": b"null",
    "list": b"[]",
    "HTML": b"<html><body>Sign in</body></html>",
    "half": b'{"candidates": [{"content": {"parts": [{"text": "He',
    "no candidates": b'{"candidates": []}',
    "candidates": b'{"candidates": 5}',
    "candidate": b'{"candidates": ["x"]}',
    "parts": b'{"candidates": [{"content": {"parts": "x"}, "finishReason": "STOP"}]}',
    "part": b'{"candidates": [{"content": {"parts": [null]}, "finishReason": "STOP"}]}',
    "text": b'{"candidates": [{"content": {"parts": [{"text": {}}]}, "finishReason": "STOP"}]}',
    "call": b'{"candidates": [{"content": {"parts": [{"functionCall": {"args": {}}}]}}]}',
    "arguments": b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", '
    b'"args": "x"}}]}}]}',
    "deep": b'{"candidates": ' + b"[" * 100_000,
    "huge number": b'{"candidates": [{"content": {"parts": [{"functionCall": {"name": "f", '
    b'"args": {"x": ' + b"9" * 10_000 + b"}}}]}}]}",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_what_is_no_answer_is_an_error_of_ours(name: str) -> None:
    with pytest.raises(LLMResponseError) as caught:
        read(HOSTILE[name])
    assert len(str(caught.value)) <= 2000
    with pytest.raises(LLMResponseError):
        events(b"data: " + HOSTILE[name] + b"\n\n")


def test_half_an_emoji_costs_no_answer() -> None:
    body = json.dumps(answer(text("a\ud83d"))).encode()
    response = read(body)
    assert response.content == "a\ufffd"
    assert response.raw
    response.raw["candidates"][0]["content"]["parts"][0]["text"].encode()
    assert streamed(b"data: " + body + b"\n\n").content == "a\ufffd"


LEAKS = {
    "blocked prompt": {"promptFeedback": {"blockReason": KEY, "blockReasonMessage": f"of {KEY}"}},
    "failure": answer(finish="OTHER", candidate={"finishMessage": f"for {KEY}"}),
    "error": error(429, "RESOURCE_EXHAUSTED", f"Consumer {KEY} has no quota."),
    "no answer": {"candidates": [{"content": {"parts": KEY}}]},
}


@pytest.mark.parametrize("name", LEAKS)
def test_no_error_shows_the_key(name: str) -> None:
    with pytest.raises(LLMError) as caught:
        read(LEAKS[name])
    failure: BaseException | None = caught.value
    while failure is not None:
        assert KEY not in f"{failure} {failure!r} {vars(failure)}"
        failure = failure.__cause__ or failure.__context__


def test_a_blocked_prompt_says_why() -> None:
    with pytest.raises(
        LLMContentFilterError, match="blocked the prompt \\(PROHIBITED_CONTENT\\)"
    ) as caught:
        read(BLOCKED)
    assert caught.value.model == "asked-model"
    assert caught.value.body["promptFeedback"]["safetyRatings"]


def test_what_google_says_of_an_error_is_kept() -> None:
    body = json.dumps([A_MINUTE]).encode()
    failure = codec().refusal(429, {"x-request-id": "r-1"}, body, SOURCE)
    assert isinstance(failure, LLMRateLimitError)
    assert failure.request_id == "r-1"
    assert failure.body == [A_MINUTE]
    assert failure.provider == "host"
    assert str(failure).startswith("host answered 429: You exceeded your current quota")


@pytest.mark.parametrize(
    ("delay", "expected"),
    [("0.5s", 0.5), ("soon", 7.0), ("1e9s", 7.0), ("-1s", 7.0), (5, 7.0)],
)
def test_only_a_duration_says_when_to_come_back(delay: Any, expected: float) -> None:
    said = error(429, "RESOURCE_EXHAUSTED", "later", {"retryDelay": delay})
    failure = codec().refusal(429, {"retry-after": "7"}, json.dumps(said).encode(), SOURCE)
    assert failure.retry_after == expected


@pytest.mark.parametrize("details", ["x", [5], [{"violations": "x"}], [{"violations": [5]}], {}])
def test_odd_details_leave_the_class_as_it_is(details: Any) -> None:
    said = {"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "details": details}}
    failure = codec().refusal(429, {}, json.dumps(said).encode(), SOURCE)
    assert isinstance(failure, LLMRateLimitError)
    assert not failure.quota_exhausted


def test_long_streams_are_decoded_in_linear_time() -> None:
    def seconds(n_events: int) -> float:
        data = event(answer(text("word "), finish=None)) * n_events + event(answer())
        start = time.process_time()
        assert len(streamed(data, 1 << 16).content) == 5 * n_events
        return time.process_time() - start

    seconds(100)
    assert min(seconds(4000), seconds(4000)) < 8 * max(seconds(1000), 0.005)
