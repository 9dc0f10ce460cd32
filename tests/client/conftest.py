"""What the tests of `LLM` share: the `responses` library answers, and no sleep is real."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses

from LLM import (
    LLM,
    LLMConfig,
)

BASE = "http://api.test"


CHAT = f"{BASE}/v1/chat/completions"


HELLO = [{"role": "user", "content": "Hello!"}]


def answer(content: str | None = "Hi!", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    return {
        "id": "chatcmpl-1",
        "model": "gpt-4-0613",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 9, "completion_tokens": 3, "total_tokens": 12},
        **more,
    }


def events(*contents: str) -> str:
    deltas = [{"choices": [{"delta": {"content": content}}]} for content in contents]
    last = {"choices": [{"delta": {}, "finish_reason": "stop"}]}
    usage = {"choices": [], "usage": answer()["usage"]}
    lines = [json.dumps(event) for event in (*deltas, last, usage)]
    return "".join(f"data: {line}\n\n" for line in [*lines, "[DONE]"])


@pytest.fixture
def api() -> Iterator[responses.RequestsMock]:
    with responses.RequestsMock() as mock:
        yield mock


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


@pytest.fixture
def make() -> Iterator[Callable[..., LLM]]:
    made: list[LLM] = []

    def build(settings: dict[str, Any] | None = None, **parts: Any) -> LLM:
        made.append(LLM(LLMConfig(base_url=BASE, **(settings or {})), **parts))
        return made[-1]

    yield build
    for llm in made:
        llm.close()


def sent(api: responses.RequestsMock, number: int = -1) -> dict[str, Any]:
    return json.loads(api.calls[number].request.body)
