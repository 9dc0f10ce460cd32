"""No test of the command line sees this machine's keys, files or caches."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.remote.scripted_server import ScriptedServer
from tests.seed_002 import providers


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """The working folder, empty; what ``.env`` files set is gone behind the test."""
    before = dict(os.environ)
    for name in (
        "XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME", "LOCAL_LLM_KIT_CACHE_DIR",
        "OLLAMA_MODELS",
    ):  # fmt: skip
        monkeypatch.setenv(name, str(tmp_path / "caches" / name))
    monkeypatch.delenv("NO_COLOR", raising=False)
    folder = tmp_path / "folder"
    folder.mkdir()
    monkeypatch.chdir(folder)
    yield folder
    os.environ.clear()
    os.environ.update(before)


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    """A server that answers as the providers do."""
    with ScriptedServer((providers.answer,)) as server:
        yield server


@pytest.fixture
def openai(server: ScriptedServer) -> dict[str, str]:
    """Variables that set OpenAI up."""
    return {"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": server.url}
