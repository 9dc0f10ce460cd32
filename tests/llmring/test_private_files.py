"""Files that their owner alone can read."""

from __future__ import annotations

import os
import stat
from pathlib import Path

import pytest

from llmring.private_files import replace_text


def test_a_file_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "keys"
    path.write_text("old")
    path.chmod(0o644)
    replace_text(path, "ß")
    assert path.read_bytes() == "ß".encode()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(tmp_path / "keys")
    replace_text(tmp_path / "link", "new")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "keys").read_text() == "new"


def test_a_write_that_fails_leaves_what_was_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(_: int) -> None:
        raise OSError("the disk is full")

    path = tmp_path / "keys"
    path.write_text("old")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="disk is full"):
        replace_text(path, "new")
    assert [one.read_text() for one in tmp_path.iterdir()] == ["old"]
