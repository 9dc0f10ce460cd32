from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llmring.seeds import providers
from tests.llmring.seeds.world import World
from tests.remote.scripted_server import ScriptedServer


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[World]:
    """All providers at one server, each with a key; the working folder is empty."""
    monkeypatch.chdir(tmp_path)
    with ScriptedServer((providers.answer,)) as server:
        found = World(server)
        for name, value in found.environment.items():
            monkeypatch.setenv(name, value)
        yield found
