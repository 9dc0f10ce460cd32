"""What the tests of both clients share: an API that answers as told, and no sleep that is real."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
import responses

from LLM import LLM, LLMConfig
from tests import worlds
from tests.client.scripted_api import ScriptedAPI

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


@pytest.fixture(params=worlds.WORLD_PARAMS)
def world(request: pytest.FixtureRequest) -> str:
    """The blocking world, and then the asynchronous one behind a blocking face."""
    return request.param


@pytest.fixture
def api(world: str) -> Iterator[Any]:
    """Answers at `BASE`: `responses` sees what requests sends, a server what aiohttp does."""
    with responses.RequestsMock() if world == "blocking" else ScriptedAPI(BASE) as mock:
        yield mock


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return worlds.record_sleeps(monkeypatch)


@pytest.fixture
def make(world: str, api: Any) -> Iterator[Callable[..., LLM]]:
    made: list[LLM] = []
    base = BASE if world == "blocking" else api.url

    def build(settings: dict[str, Any] | None = None, **parts: Any) -> LLM:
        made.append(worlds.WORLDS[world](LLMConfig(base_url=base, **(settings or {})), **parts))
        return made[-1]

    yield build
    for llm in made:
        worlds.end(llm)


def sent(api: Any, number: int = -1) -> dict[str, Any]:
    return json.loads(api.calls[number].request.body)


def headers_sent(api: Any, number: int = -1) -> dict[str, str]:
    """Names in lower case, and values as they went over the wire."""
    headers = api.calls[number].request.headers
    return {name.lower(): "".join(value) for name, value in headers.items()}
