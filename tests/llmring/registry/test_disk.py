"""Files of a registry on disk: whole, bounded, and never in the way."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmring.registry import disk
from llmring.registry.disk import DiskCache

URL = "https://registry.example/openai/models.json"


def only_file(folder: Path) -> Path:
    (path,) = folder.glob("*.registry")
    return path


def test_what_is_kept_is_found_with_its_time(tmp_path: Path) -> None:
    DiskCache(tmp_path / "new").put(URL, b"{}\n{}", 12.5)
    assert DiskCache(tmp_path / "new").get(URL) == (b"{}\n{}", 12.5)


def test_another_address_finds_nothing(tmp_path: Path) -> None:
    DiskCache(tmp_path).put(URL, b"{}", 1.0)
    assert DiskCache(tmp_path).get(URL + "x") is None


@pytest.mark.parametrize(
    "damage",
    [b"", b"{}", b"[]\nx", b"null", b"\xff\xfe", b"[" * 9000, b'{"url": 1, "sha256": 2}\n'],
    ids=repr,
)
def test_a_damaged_file_is_missing_and_written_anew(tmp_path: Path, damage: bytes) -> None:
    cache = DiskCache(tmp_path)
    cache.put(URL, b"{}", 1.0)
    only_file(tmp_path).write_bytes(damage)
    assert cache.get(URL) is None
    cache.put(URL, b"[]", 2.0)
    assert cache.get(URL) == (b"[]", 2.0)


def test_a_time_that_is_none_is_damage(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.put(URL, b"{}", 7.25)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b"7.25", b"9" * 400))
    assert cache.get(URL) is None


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no FIFOs here")
def test_a_fifo_is_not_waited_for(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.put(URL, b"{}", 1.0)
    path = only_file(tmp_path)
    path.unlink()
    os.mkfifo(path)
    assert cache.get(URL) is None
    cache.put(URL, b"[]", 2.0)
    assert cache.get(URL) == (b"[]", 2.0)


def test_a_file_that_another_process_deletes_has_no_size(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.put(URL, b"{}", 1.0)
    (tmp_path / "gone.registry").symlink_to(tmp_path / "nowhere")
    assert len(cache.sizes()) == 1


def test_a_changed_body_is_damage(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.put(URL, b'{"price": 1}', 1.0)
    path = only_file(tmp_path)
    path.write_bytes(path.read_bytes().replace(b'"price": 1', b'"price": 9'))
    assert cache.get(URL) is None


def test_a_file_of_another_address_is_not_taken(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.put(URL, b"{}", 1.0)
    path = only_file(tmp_path)
    data = path.read_bytes()
    cache.put(URL + "x", b"{}", 1.0)
    path.unlink()
    only_file(tmp_path).write_bytes(data)
    assert cache.get(URL + "x") is None


def test_a_folder_that_cannot_be_is_no_trouble(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    cache = DiskCache(tmp_path / "file" / "below")
    cache.put(URL, b"{}", 1.0)
    assert (cache.get(URL), cache.clear()) == (None, 0)


def test_a_failed_write_leaves_the_old_file_and_no_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DiskCache(tmp_path)
    cache.put(URL, b"old", 1.0)

    def full(*paths: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr(disk.os, "replace", full)
    cache.put(URL, b"new", 2.0)
    assert cache.get(URL) == (b"old", 1.0)
    assert len(list(tmp_path.iterdir())) == 1


def test_the_number_of_files_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(disk, "MAX_FILES", 3)
    cache = DiskCache(tmp_path)
    for number in range(10):
        cache.put(f"{URL}{number}", b"{}", 1.0)
    assert len(cache.sizes()) == 3


def test_only_the_owner_can_read_the_files(tmp_path: Path) -> None:
    DiskCache(tmp_path).put(URL, b"{}", 1.0)
    assert only_file(tmp_path).stat().st_mode & 0o077 == 0


def test_clearing_tells_how_many_there_were(tmp_path: Path) -> None:
    cache = DiskCache(tmp_path)
    cache.put(URL, b"{}", 1.0)
    assert (cache.clear(), cache.clear(), cache.get(URL)) == (1, 0, None)


def test_clearing_removes_what_a_killed_writer_left(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    cache = DiskCache(tmp_path)
    with monkeypatch.context() as killed:  # before it gave the file its name
        killed.setattr(os, "replace", lambda *paths: None)
        cache.put(URL, b"{}", 1.0)
    (tmp_path / "notes.txt").write_text("not ours")
    assert len(list(tmp_path.iterdir())) == 2
    assert cache.clear() == 0
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_the_folder_is_the_users_cache_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert DiskCache().folder.is_relative_to(tmp_path)
