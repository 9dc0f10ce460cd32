"""Registries against scripted servers, with caches of their own and clocks that stand still."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from llmring.registry import Registry
from tests.llmring.registry.support import Clock
from tests.remote.scripted_server import ScriptedServer


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    """Start a server: `serve(script, …)`."""
    with ExitStack() as stack:
        yield lambda *scripts: stack.enter_context(ScriptedServer(scripts))


@pytest.fixture
def clock() -> Clock:
    """The clock of the registries of a test."""
    return Clock()


@pytest.fixture
def registry(tmp_path: Path, clock: Clock) -> Callable[..., Registry]:
    """Make a registry: `registry(server_or_url)`. All of a test share one cache folder."""

    def make(at: ScriptedServer | str | None = None, **settings: Any) -> Registry:
        url = at.url if isinstance(at, ScriptedServer) else at
        settings = {"cache_dir": tmp_path / "cache", "clock": clock, "monotonic": clock, **settings}
        return Registry(url, **settings)

    return make
