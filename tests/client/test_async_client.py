"""What `AsyncLLM` takes and does otherwise than `LLM`: awaited summaries, caches in threads."""

from __future__ import annotations

import asyncio
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from LLM import AsyncLLM, DiskCache, LLMConfig, LLMConfigError, MemoryCache
from LLM.overflow import ChatMessage
from tests.client.conftest import CHAT, HELLO, answer
from tests.client.test_window import TALK, ten_each


@pytest.fixture(params=["async"])
def world(request: pytest.FixtureRequest) -> str:
    return request.param


async def later(_: Sequence[ChatMessage]) -> str:
    await asyncio.sleep(0)
    return "mine"


@pytest.mark.parametrize("summarise", [later, lambda _: "mine"], ids=["coroutine", "plain"])
def test_a_summariser_may_be_a_coroutine_function(api: Any, make: Any, summarise: Any) -> None:
    api.post(CHAT, json=answer())
    llm = make({"context_length": 200}, count_tokens=ten_each, summarise=summarise)
    response = llm.chat_completion(TALK, max_tokens=100, overflow="summarise")
    assert response.overflow.summary == "mine"


def test_tokens_are_not_counted_by_a_coroutine_function() -> None:
    with pytest.raises(LLMConfigError, match="count_tokens is a coroutine function"):
        AsyncLLM(count_tokens=later)  # type: ignore[arg-type]


class Spy:
    """A cache that notes which threads use it."""

    def __init__(self, cache: Any) -> None:
        self.cache = cache
        self.threads: set[int] = set()

    def get(self, key: str) -> bytes | None:
        self.threads.add(threading.get_ident())
        return self.cache.get(key)

    def put(self, key: str, body: bytes) -> None:
        self.threads.add(threading.get_ident())
        self.cache.put(key, body)


def test_a_cache_that_may_be_slow_does_not_stop_the_loop(
    api: Any, make: Any, tmp_path: Path
) -> None:
    api.post(CHAT, json=answer())
    disk = DiskCache(tmp_path / "answers.db")
    spy = Spy(disk)
    llm = make(cache=spy)
    assert llm.chat_completion(HELLO) == llm.chat_completion(HELLO)
    assert len(api.calls) == 1
    assert spy.threads
    assert threading.get_ident() not in spy.threads
    disk.close()


def test_a_cache_in_memory_is_asked_at_once(
    api: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    def never(*_: Any) -> Any:
        raise AssertionError("a thread for a look into a dict")

    monkeypatch.setattr(asyncio, "to_thread", never)
    api.post(CHAT, json=answer())
    llm = make(cache=MemoryCache())
    assert llm.chat_completion(HELLO) == llm.chat_completion(HELLO)


def test_a_missing_aiohttp_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delitem(sys.modules, "LLM.async_transport", raising=False)
    monkeypatch.setitem(sys.modules, "aiohttp", None)
    with pytest.raises(LLMConfigError, match=r"pip install '\.\[async\]'"):
        AsyncLLM(LLMConfig())
