"""A lockfile and its tools, in a folder of their own."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.llmring.mcp.lockfile.workbench import Workbench


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Workbench:
    """The tools of a lockfile with two profiles."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    folder = tmp_path / "folder"
    folder.mkdir()
    return Workbench(folder / "llmring.lock")
