"""Which lockfile is read: the argument's, the environment's, the folder's, the bundled one."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from llmring.exceptions import LockfileError
from llmring.lockfile import BUNDLED, AliasResolver, find, locate


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    for name in ("a.lock", "b.lock"):
        (tmp_path / name).write_text("", "utf-8")
    return tmp_path


def test_the_argument_comes_first(folder: Path) -> None:
    assert find("a.lock", {"LLMRING_LOCKFILE_PATH": "b.lock"}) == folder / "a.lock"


def test_the_environment_comes_before_the_folder(folder: Path) -> None:
    (folder / "llmring.lock").touch()
    assert find(environ={"LLMRING_LOCKFILE_PATH": str(folder / "b.lock")}) == folder / "b.lock"


def test_the_processs_environment_is_the_default(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMRING_LOCKFILE_PATH", "b.lock")
    assert find() == folder / "b.lock"


def test_the_folder_comes_before_the_bundled_one(folder: Path) -> None:
    (folder / "llmring.lock").touch()
    assert find(environ={}) == folder / "llmring.lock"


@pytest.mark.parametrize("environ", [{}, {"LLMRING_LOCKFILE_PATH": ""}], ids=["unset", "empty"])
def test_without_any_the_bundled_one_is_read(folder: Path, environ: dict[str, str]) -> None:
    assert find(environ=environ) == BUNDLED
    assert locate(environ=environ).target == folder / "llmring.lock"


def test_a_tilde_is_the_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(folder))
    assert find("~/a.lock", {}) == folder / "a.lock"


@pytest.mark.parametrize(
    ("argument", "environ", "named_by"),
    [
        ("none.lock", {}, "lockfile_path"),
        (Path("none.lock"), {}, "lockfile_path"),
        (None, {"LLMRING_LOCKFILE_PATH": "none.lock"}, "LLMRING_LOCKFILE_PATH"),
    ],
    ids=["text", "path", "variable"],
)
def test_a_named_file_must_exist(
    folder: Path, argument: str | Path | None, environ: dict[str, str], named_by: str
) -> None:
    with pytest.raises(LockfileError) as caught:
        find(argument, environ)
    assert caught.value.message == (
        f"{folder / 'none.lock'} does not exist; make it (llmring lock init), or name another "
        f"[named by {named_by}]"
    )
    assert caught.value.code == "missing"


@pytest.mark.parametrize("path", ["a\0b", "a\ud800"], ids=["NUL", "surrogate"])
def test_what_cannot_be_a_path_is_an_error(folder: Path, path: str) -> None:
    with pytest.raises(LockfileError):
        AliasResolver(path, environ={})


@pytest.mark.parametrize("path", ["", 3, b"a.lock"], ids=repr)
def test_what_is_no_path_is_an_error(path: object) -> None:
    with pytest.raises(LockfileError, match="lockfile_path must be a path, not"):
        find(path, {})  # type: ignore[arg-type]  # that is the point


def test_a_folder_in_the_files_place_is_an_error_not_the_bundled_one(folder: Path) -> None:
    (folder / "llmring.lock").mkdir()
    with pytest.raises(LockfileError, match="is a folder, not a file; name the lockfile itself"):
        AliasResolver(environ={})


def test_a_link_to_nowhere_is_an_error_not_the_bundled_one(folder: Path) -> None:
    (folder / "llmring.lock").symlink_to("gone")
    with pytest.raises(LockfileError, match="does not exist"):
        AliasResolver(environ={})


def test_a_deleted_working_folder_leaves_the_bundled_one(tmp_path: Path) -> None:
    gone = tmp_path / "gone"
    gone.mkdir()
    before = Path.cwd()
    os.chdir(gone)
    gone.rmdir()
    try:
        assert find(environ={}) == BUNDLED
    finally:
        os.chdir(before)
