"""Streams: when their spans end, and that nothing of them stays behind in the caller's context."""

from __future__ import annotations

import gc
from typing import Any

import pytest
from opentelemetry import trace
from opentelemetry.trace import StatusCode

from cloud.llm import AnthropicClient
from LLM import LLMError, LLMResponseError, uninstrument
from tests.client.conftest import CHAT, HELLO, events
from tests.cloud.anthropic import wire as claude
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer
from tests.telemetry.conftest import Seen

pytestmark = pytest.mark.slow

_STREAM = {"content_type": "text/event-stream"}
_BROKEN = 'data: {"choices":[{"delta":{"content":"Hi"}}]}\n\ndata: {"error":{"message":"no"}}\n\n'


@pytest.fixture
def outer(seen: Seen) -> Any:
    """A span of the user's own, in which the test runs."""
    with seen.tracers.get_tracer("user").start_as_current_span("outer") as span:
        yield span


def test_stream_that_is_left_early_is_no_error(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, body=events("Hi", "!"), **_STREAM)
    with make().chat_completion(HELLO, stream=True) as stream:
        next(stream)
    assert seen.span.status.is_unset
    assert "error.type" not in (seen.span.attributes or {})


def test_stream_that_is_dropped_ends_its_span(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, body=events("Hi", "!"), **_STREAM)
    stream = make().chat_completion(HELLO, stream=True)
    next(stream)
    del stream
    gc.collect()
    seen.wait_for(1)
    assert seen.span.name == "chat gpt-4"


def test_stream_that_is_dropped_when_telemetry_is_off_ends_its_span(
    seen: Seen, api: Any, make: Any
) -> None:
    api.post(CHAT, body=events("Hi", "!"), **_STREAM)
    stream = make().chat_completion(HELLO, stream=True)
    next(stream)
    uninstrument()
    del stream
    gc.collect()
    seen.wait_for(1)
    assert seen.span.name == "chat gpt-4"


def test_stream_that_breaks_tells_its_error_and_what_had_arrived(
    seen: Seen, api: Any, make: Any
) -> None:
    api.post(CHAT, body=_BROKEN, **_STREAM)
    with pytest.raises(LLMError), make().chat_completion(HELLO, stream=True) as stream:
        list(stream)
    told = seen.span.attributes or {}
    assert seen.span.status.status_code is StatusCode.ERROR
    assert told["error.type"].startswith("LLM")
    assert told["gen_ai.response.time_to_first_chunk"] > 0


def test_refused_stream_is_a_failed_call(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, status=500, json={})
    with pytest.raises(LLMError):
        make({"max_retries": 0}).chat_completion(HELLO, stream=True)
    assert (seen.span.attributes or {})["http.response.status_code"] == 500


def test_chunks_after_the_first_are_timed(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, body=events("a", "b", "c"), **_STREAM)
    list(make().chat_completion(HELLO, stream=True))
    (first,) = seen.points("gen_ai.client.operation.time_to_first_chunk")
    (gaps,) = seen.points("gen_ai.client.operation.time_per_output_chunk")
    assert (first.count, gaps.count) == (1, 4)


def test_spans_are_children_of_the_span_around_them(
    seen: Seen, api: Any, make: Any, outer: Any
) -> None:
    api.post(CHAT, body=events("Hi"), **_STREAM)
    list(make().chat_completion(HELLO, stream=True))
    assert seen.span.parent is not None
    assert seen.span.parent.span_id == outer.get_span_context().span_id


def test_open_stream_is_not_the_current_span(seen: Seen, api: Any, make: Any, outer: Any) -> None:
    api.post(CHAT, body=events("Hi", "!"), **_STREAM)
    stream = make().chat_completion(HELLO, stream=True)
    for _ in stream:
        assert trace.get_current_span() is outer
    stream.close()
    assert trace.get_current_span() is outer


def test_events_of_a_provider_leave_the_context_alone(seen: Seen, outer: Any) -> None:
    answer = claude.message(claude.text("Hello!"))
    with ScriptedServer((wire.stream_answer(claude.stream(answer)),)) as server:
        client = AnthropicClient("sk-test-1234", base_url=server.url)
        for _ in client.chat_stream(HELLO):
            assert trace.get_current_span() is outer
    told = seen.span.attributes or {}
    assert told["gen_ai.provider.name"] == "anthropic"
    assert told["gen_ai.usage.cache_read.input_tokens"] == 0


def test_stream_goes_on_when_telemetry_is_turned_off(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, body=events("Hi", "!"), **_STREAM)
    stream = make().chat_completion(HELLO, stream=True)
    next(stream)
    uninstrument()
    assert stream.response.text == "Hi!"
    assert len(seen.spans) == 1


def test_answer_that_ends_too_early_is_an_error(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, body='data: {"choices":[{"delta":{"content":"Hi"}}]}\n\n', **_STREAM)
    with pytest.raises(LLMResponseError):
        list(make().chat_completion(HELLO, stream=True))
    assert (seen.span.attributes or {})["error.type"] == "LLMResponseError"


def test_chunks_tell_the_model_that_answers(seen: Seen, api: Any, make: Any) -> None:
    body = 'data: {"model":"gpt-4-0613","choices":[{"delta":{"content":"Hi"}}]}\n\n'
    api.post(CHAT, body=body + events("!"), **_STREAM)
    list(make().chat_completion(HELLO, stream=True))
    (gaps,) = seen.points("gen_ai.client.operation.time_per_output_chunk")
    assert gaps.attributes["gen_ai.response.model"] == "gpt-4-0613"
