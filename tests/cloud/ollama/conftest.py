"""Both clients against scripted servers."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests.cloud.ollama.twins import TWINS
from tests.remote.scripted_server import Script, ScriptedServer


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep between tries, none of which is real."""
    found: list[float] = []

    async def sleep(seconds: float) -> None:
        found.append(seconds)

    monkeypatch.setattr(time, "sleep", found.append)
    monkeypatch.setattr(asyncio, "sleep", sleep)
    return found


@pytest.fixture(params=TWINS)
def twin(request: pytest.FixtureRequest) -> Callable[..., Any]:
    """Use either client: ``twin(lambda client: client.list_models(), base_url=url)``."""
    return TWINS[request.param]


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a server: ``serve(script, …)``."""
    with ExitStack() as stack:

        def start(*scripts: Script) -> ScriptedServer:
            return stack.enter_context(ScriptedServer(scripts))

        yield start
