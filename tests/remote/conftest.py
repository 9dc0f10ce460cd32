"""Clients of both worlds against scripted servers; `sleep` is recorded, never real."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from typing import Any

import pytest

from LLM import LLM, LLMConfig, LLMError
from tests import worlds
from tests.remote import wire
from tests.remote.scripted_server import Script, ScriptedServer

MESSAGES = [{"role": "user", "content": "Hello?"}]
TIMEOUT_S = 0.2


@dataclass(frozen=True)
class Call:
    """One of the ways to call, with a right answer to it."""

    run: Callable[[LLM], Any]
    good: bytes
    streamed: bool = False


CALLS = {
    "chat": Call(lambda llm: llm.chat_completion(MESSAGES), wire.answer(wire.CHAT)),
    "chat-stream": Call(
        lambda llm: llm.chat_completion(MESSAGES, stream=True).response,
        wire.stream_answer(wire.CHAT_EVENTS),
        streamed=True,
    ),
    "completion": Call(lambda llm: llm.completion("Hello?"), wire.answer(wire.COMPLETION)),
    "completion-stream": Call(
        lambda llm: llm.completion("Hello?", stream=True).response,
        wire.stream_answer(wire.COMPLETION_EVENTS),
        streamed=True,
    ),
    "models": Call(lambda llm: llm.list_models(), wire.answer(wire.MODELS)),
}


@pytest.fixture(params=CALLS.values(), ids=CALLS)
def call(request: pytest.FixtureRequest) -> Call:
    """Every way to call in turn."""
    return request.param


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep between tries, none of which is real."""
    return worlds.record_sleeps(monkeypatch)


@pytest.fixture(params=worlds.WORLD_PARAMS)
def world(request: pytest.FixtureRequest) -> Callable[..., LLM]:
    """What makes a client: `LLM`, and then what has its face and stands on `AsyncLLM`."""
    return worlds.WORLDS[request.param]


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a server: `serve(script, …)`."""
    with ExitStack() as stack:

        def start(*scripts: Script, on_connect: Script = ()) -> ScriptedServer:
            return stack.enter_context(ScriptedServer(scripts, on_connect))

        yield start


@pytest.fixture
def client(world: Callable[..., LLM]) -> Iterator[Callable[..., LLM]]:
    """Make a client: `client(server, max_retries=3)`. Without settings, it never tries again."""
    with ExitStack() as stack:

        def make(server: ScriptedServer | str, **settings: Any) -> LLM:
            url = server if isinstance(server, str) else server.url
            settings = {"max_retries": 0, "timeout": 5.0, "api_key": "sk-key-1234", **settings}
            return stack.enter_context(world(LLMConfig(base_url=url, **settings)))

        yield make


@pytest.fixture
def failure(client: Callable[..., LLM]) -> Callable[..., LLMError]:
    """The error that a call ends with, which must be ours and must not keep us waiting."""

    def run(call: Call, server: ScriptedServer | str, **settings: Any) -> LLMError:
        llm = client(server, **settings)
        start = time.monotonic()
        with pytest.raises(LLMError) as caught:
            call.run(llm)
        assert time.monotonic() - start < 4.0, "the call hung"
        return caught.value

    return run
