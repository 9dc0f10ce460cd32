"""What calls cost: caches, token totals, and limits on both, as a client keeps them."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import BaseModel

from LLM import (
    InvalidRequestError,
    LLMResponseError,
    MemoryCache,
    RateLimiter,
    UsageLimitError,
)
from tests.client.conftest import CHAT, HELLO, answer, events


class City(BaseModel):
    name: str
    people: int


def test_the_rate_limit_of_the_config_is_kept(api: Any, make: Any, sleeps: list[float]) -> None:
    api.post(CHAT, json=answer())
    llm = make({"requests_per_minute": 2})
    for _ in range(3):
        llm.chat_completion(HELLO)
    assert sleeps == [pytest.approx(30.0, abs=1.0)]


def test_a_rate_limiter_can_be_shared(api: Any, make: Any, sleeps: list[float]) -> None:
    api.post(CHAT, json=answer())
    limiter = RateLimiter(requests_per_minute=1)
    make(rate_limiter=limiter).chat_completion(HELLO)
    make(rate_limiter=limiter).chat_completion(HELLO)
    assert len(sleeps) == 1


def test_the_same_call_is_answered_from_the_cache(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    llm = make(cache=MemoryCache())
    first = llm.chat_completion(HELLO)
    assert llm.chat_completion(HELLO) == first
    assert (len(api.calls), llm.get_request_count(), llm.usage.total.calls) == (1, 1, 1)
    llm.chat_completion(HELLO, seed=2)
    assert len(api.calls) == 2


def test_a_cached_answer_never_crosses_keys(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    cache = MemoryCache()
    make({"api_key": "key-one"}, cache=cache).chat_completion(HELLO)
    make({"api_key": "key-two"}, cache=cache).chat_completion(HELLO)
    assert len(api.calls) == 2


def test_a_cached_answer_never_crosses_headers(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    cache = MemoryCache()
    for tenant in ("tenant-one", "tenant-two"):
        make({"headers": {"api-key": tenant}}, cache=cache).chat_completion(HELLO)
    assert len(api.calls) == 2


def test_an_answer_that_does_not_fit_is_not_cached(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer("no idea"))
    llm = make(cache=MemoryCache())
    for _ in range(2):
        with pytest.raises(LLMResponseError, match="does not fit"):
            llm.chat_completion(HELLO, response_format=City)
    assert len(api.calls) == 2


def test_errors_are_not_cached(api: Any, make: Any) -> None:
    api.post(CHAT, status=400)
    llm = make(cache=MemoryCache())
    for _ in range(2):
        with pytest.raises(InvalidRequestError):
            llm.chat_completion(HELLO)
    assert len(api.calls) == 2


class Broken:
    """A cache whose disk is gone."""

    def get(self, key: str) -> bytes | None:
        raise OSError("input/output error")

    def put(self, key: str, body: bytes) -> None:
        raise OSError("no space left")


def test_an_answer_survives_a_cache_that_fails(
    api: Any, make: Any, caplog: pytest.LogCaptureFixture
) -> None:
    api.post(CHAT, json=answer())
    assert make(cache=Broken()).chat_completion(HELLO).text == "Hi!"
    assert "input/output error" in caplog.text
    assert "no space left" in caplog.text


class Garbled:
    """A cache that gives back what nobody can read."""

    def get(self, key: str) -> bytes | None:
        return b"garbage"

    def put(self, key: str, body: bytes) -> None:
        return


def test_a_stored_answer_that_cannot_be_read_is_asked_for_again(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    assert make(cache=Garbled()).chat_completion(HELLO).text == "Hi!"


def test_usage_is_counted_by_model(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    llm = make()
    llm.chat_completion(HELLO)
    llm.chat_completion(HELLO, model="other")
    assert llm.usage.total.total_tokens == 24
    assert llm.usage.by_model["other"].prompt_tokens == 9


def test_usage_of_a_stream_is_counted(api: Any, make: Any) -> None:
    api.post(CHAT, body=events("a", "b"), content_type="text/event-stream")
    llm = make()
    with llm.chat_completion(HELLO, stream=True) as stream:
        list(stream)
    assert llm.usage.total.total_tokens == 12
    assert llm.usage.total.estimated_calls == 0


def test_untold_usage_is_estimated_and_marked(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer("x" * 400, usage=None))
    llm = make()
    llm.chat_completion(HELLO)
    assert llm.usage.total.completion_tokens == 100
    assert llm.usage.total.estimated_calls == 1


def test_a_call_that_fails_gives_its_reservation_back(api: Any, make: Any) -> None:
    api.post(CHAT, status=400)
    api.post(CHAT, json=answer())
    llm = make({"max_total_tokens": 200})
    with pytest.raises(InvalidRequestError):
        llm.chat_completion(HELLO, max_tokens=150)
    llm.chat_completion(HELLO, max_tokens=150)


def test_the_token_limit_stops_the_call_before_it_is_sent(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    llm = make({"max_total_tokens": 60})
    llm.chat_completion(HELLO)
    with pytest.raises(UsageLimitError, match="max_total_tokens is 60"):
        llm.chat_completion(HELLO, max_tokens=50)
    assert len(api.calls) == 1


def test_images_do_not_count_as_text(api: Any, make: Any) -> None:
    api.post(CHAT, json=answer())
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 100_000}}
    content = [{"type": "text", "text": "What is this?"}, image]
    make({"max_total_tokens": 1000}).chat_completion([{"role": "user", "content": content}])


def test_tool_calls_count_where_usage_is_untold(api: Any, make: Any) -> None:
    calls = [{"id": "1", "function": {"name": "f", "arguments": "x" * 399}}]
    api.post(CHAT, json=answer(None, message={"tool_calls": calls}, usage=None))
    llm = make()
    llm.chat_completion(HELLO)
    assert llm.usage.total.completion_tokens == 100


def test_a_failed_call_pays_no_rate_limit(api: Any, make: Any, sleeps: list[float]) -> None:
    api.post(CHAT, status=400)
    llm = make({"tokens_per_minute": 1000})
    for _ in range(3):
        with pytest.raises(InvalidRequestError):
            llm.chat_completion(HELLO, max_tokens=900)
    assert sleeps == []
