"""Clients of both worlds, scripted servers, and a file for the cassette."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from LLM import LLM, LLMConfig
from tests import worlds
from tests.remote.scripted_server import Script, ScriptedServer

KEY = "sk-live/Abc+123=="
HELLO = [{"role": "user", "content": "Hello?"}]
#: Where nobody listens.
NOWHERE = "http://127.0.0.1:9"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Where the cassette is to be; nothing is there yet."""
    return tmp_path / "cassettes" / "test.jsonl"


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a server: `serve(script, …)`."""
    with ExitStack() as stack:
        yield lambda *scripts: stack.enter_context(ScriptedServer(scripts))


@pytest.fixture(params=worlds.WORLDS)
def client(request: pytest.FixtureRequest) -> Iterator[Callable[..., LLM]]:
    """Make a client of either world: `client(url, max_retries=3)`; it never tries again unasked."""
    with ExitStack() as stack:

        def make(url: str, **settings: Any) -> LLM:
            config = LLMConfig(base_url=url, **{"api_key": KEY, "max_retries": 0, **settings})
            return stack.enter_context(worlds.WORLDS[request.param](config))

        yield make


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep, none of which is real."""
    return worlds.record_sleeps(monkeypatch)


def lines(file: Path) -> list[Any]:
    """The interactions of a file."""
    return [json.loads(line) for line in file.read_text("utf-8").splitlines()[1:]]


def saying(text: str) -> dict[str, Any]:
    """A chat answer."""
    message = {"role": "assistant", "content": text}
    choice = {"index": 0, "message": message, "finish_reason": "stop"}
    return {"id": "1", "model": "tiny", "choices": [choice]}


def event(text: str, finish_reason: str | None = None) -> bytes:
    """An event of a stream."""
    choice = {"index": 0, "delta": {"content": text}, "finish_reason": finish_reason}
    return b"data: " + json.dumps({"id": "1", "choices": [choice]}).encode() + b"\n\n"


DONE = b"data: [DONE]\n\n"

__all__ = ["DONE", "HELLO", "KEY", "NOWHERE", "Script", "event", "lines", "saying"]
