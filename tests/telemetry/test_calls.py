"""Spans and metrics of the calls of `LLM` and `AsyncLLM`."""

from __future__ import annotations

from typing import Any

import pytest
from opentelemetry.trace import SpanKind, StatusCode

from LLM import LLMServerError, MemoryCache
from tests.client.conftest import CHAT, HELLO, answer, events
from tests.telemetry.conftest import Seen

_STREAM = {"content_type": "text/event-stream"}


def test_call_is_one_client_span_named_by_operation_and_model(
    seen: Seen, api: Any, make: Any
) -> None:
    api.post(CHAT, json=answer())
    make({"model": "gpt-4"}).chat_completion(HELLO)
    assert (seen.span.name, seen.span.kind) == ("chat gpt-4", SpanKind.CLIENT)
    assert seen.span.status.status_code is StatusCode.UNSET


def test_span_tells_request_and_answer(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, json=answer(system_fingerprint="fp"))
    make().chat_completion(HELLO, 0, 20, n=2, seed=7, top_p=0.5, stop="END")
    told = dict(seen.span.attributes or {})
    told.pop("server.port")
    told.pop("server.address")
    assert told == {
        "gen_ai.operation.name": "chat",
        "gen_ai.provider.name": "openai",
        "gen_ai.request.model": "gpt-4",
        "gen_ai.request.temperature": 0.0,
        "gen_ai.request.max_tokens": 20,
        "gen_ai.request.choice.count": 2,
        "gen_ai.request.seed": 7,
        "gen_ai.request.top_p": 0.5,
        "gen_ai.request.stop_sequences": ("END",),
        "openai.api.type": "chat_completions",
        "gen_ai.response.id": "chatcmpl-1",
        "gen_ai.response.model": "gpt-4-0613",
        "gen_ai.response.finish_reasons": ("stop",),
        "openai.response.system_fingerprint": "fp",
        "gen_ai.usage.input_tokens": 9,
        "gen_ai.usage.output_tokens": 3,
    }


def test_stream_ends_its_span_with_its_last_chunk(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, body=events("Hi", "!"), **_STREAM)
    stream = make().chat_completion(HELLO, stream=True)
    next(stream)
    assert seen.spans == []
    assert stream.response.text == "Hi!"
    told = seen.span.attributes or {}
    assert told["gen_ai.request.stream"] is True
    assert told["gen_ai.response.time_to_first_chunk"] > 0
    assert told["gen_ai.usage.output_tokens"] == 3


def test_retries_are_events_of_one_span(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, status=503, json={})
    api.post(CHAT, status=429, json={})
    api.post(CHAT, json=answer())
    make().chat_completion(HELLO)
    assert [event.name for event in seen.span.events] == ["llm_kit.retry"] * 2
    statuses = [(event.attributes or {})["http.response.status_code"] for event in seen.span.events]
    assert statuses == [503, 429]
    assert (seen.span.attributes or {})["http.request.resend_count"] == 2


def test_failed_call_tells_class_and_status(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, status=500, json={})
    with pytest.raises(LLMServerError):
        make({"max_retries": 0}).chat_completion(HELLO)
    told = seen.span.attributes or {}
    assert seen.span.status.status_code is StatusCode.ERROR
    assert (told["error.type"], told["http.response.status_code"]) == ("LLMServerError", 500)
    (point,) = seen.points("gen_ai.client.operation.duration")
    assert point.attributes["error.type"] == "LLMServerError"


def test_tokens_are_counted_by_their_kind(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    make().chat_completion(HELLO)
    points = seen.points("gen_ai.client.token.usage")
    assert {point.attributes["gen_ai.token.type"]: point.sum for point in points} == {
        "input": 9,
        "output": 3,
    }


def test_answer_of_the_cache_is_no_call(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    llm = make(cache=MemoryCache())
    llm.chat_completion(HELLO)
    llm.chat_completion(HELLO)
    assert len(seen.spans) == 1
