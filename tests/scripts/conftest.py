"""A virtual environment that installs nothing and remembers what it was asked for."""

from __future__ import annotations

from pathlib import Path

import pytest


class FakeVenv:
    """A virtual environment whose Python notes each call and fails when told to."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "bin").mkdir(parents=True)
        (folder / "pyvenv.cfg").write_text("version = 3.11.0\n")
        self._calls = folder / "calls"
        self.fail_on("no-such-call")

    def fail_on(self, *words: str) -> None:
        """From now on let the calls fail that hold one of `words`."""
        python = self.folder / "bin" / "python"
        pattern = "|".join(f'*"{word}"*' for word in words)
        python.write_text(
            f'#!/bin/sh\necho "$@" >> "{self._calls}"\n'
            f'case "$*" in {pattern}) echo "told to fail" >&2; exit 1;; esac\n'
        )
        python.chmod(0o755)

    def calls(self) -> list[str]:
        """All calls since this was last asked."""
        calls = self._calls.read_text().splitlines() if self._calls.exists() else []
        self._calls.unlink(missing_ok=True)
        return calls

    def installations(self) -> list[str]:
        """The pip calls that install, since calls were last asked for."""
        return [call for call in self.calls() if "pip install" in call and "--dry-run" not in call]


@pytest.fixture
def venv(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeVenv:
    monkeypatch.setenv("VENV", str(tmp_path / "venv"))
    return FakeVenv(tmp_path / "venv")
