"""Both clients against scripted servers."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from tests import worlds
from tests.cloud.ollama.twins import TWINS
from tests.remote.scripted_server import Script, ScriptedServer


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep between tries, none of which is real."""
    return worlds.record_sleeps(monkeypatch)


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
