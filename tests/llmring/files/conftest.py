from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.llmring.files.contents import PDF, PNG
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


@pytest.fixture
def files(keeper: Keeper) -> None:
    """A file of each kind in the working folder."""
    Path("a.pdf").write_bytes(PDF)
    Path("a.png").write_bytes(PNG)
    Path("a.csv").write_text("a,b\n1,2\n")
    Path("a.txt").write_text("hi")
    Path("a.zip").write_bytes(b"PK\x03\x04")
