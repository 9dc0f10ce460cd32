from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llmring.files.keeper import Keeper, serving


@pytest.fixture
def keeper(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Keeper]:
    """All providers at one server that keeps files; the working folder is empty."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LLMRING_RETRY_ATTEMPTS", "1")
    with serving(Keeper()) as found:
        for name, value in found.world.environment.items():
            monkeypatch.setenv(name, value)
        yield found
