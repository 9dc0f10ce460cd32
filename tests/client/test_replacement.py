"""Files that are replaced in one step."""

from __future__ import annotations

from pathlib import Path

import pytest

from LLM.replacement import replacing


@pytest.mark.parametrize("name", ["state.json", "n" * 255, "é" * 127, "🦙" * 63])
def test_a_file_with_any_name_is_replaced(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    path.write_text("old", encoding="utf-8")
    with replacing(path) as partial:
        partial.write_text("new", encoding="utf-8")
    assert path.read_text(encoding="utf-8") == "new"
    assert list(tmp_path.iterdir()) == [path]


def test_what_fails_leaves_what_was_there(tmp_path: Path) -> None:
    path = tmp_path / "state.json"
    path.write_text("old", encoding="utf-8")

    def write_half() -> None:
        with replacing(path) as partial:
            partial.write_text("half", encoding="utf-8")
            raise KeyError

    with pytest.raises(KeyError):
        write_half()
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_a_link_stays_one(tmp_path: Path) -> None:
    target, link = tmp_path / "target", tmp_path / "link"
    target.write_text("old", encoding="utf-8")
    link.symlink_to(target)
    with replacing(link) as partial:
        partial.write_text("new", encoding="utf-8")
    assert link.is_symlink()
    assert target.read_text(encoding="utf-8") == "new"
