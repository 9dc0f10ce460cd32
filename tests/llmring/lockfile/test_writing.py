"""A lockfile is written whole or not at all, and its mode, owner and links stay."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from llmring.exceptions import LockfileError
from llmring.lockfile.writing import only_writer, replace


def others(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir() if path.name != "llmring.lock"]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "llmring.lock"
    path.write_bytes(b"old")
    return path


def test_the_new_contents_take_the_old_ones_place(path: Path) -> None:
    replace(path, b"new")
    assert (path.read_bytes(), others(path.parent)) == (b"new", [])


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o664])
def test_the_mode_stays(path: Path, mode: int) -> None:
    path.chmod(mode)
    replace(path, b"new")
    assert path.stat().st_mode & 0o777 == mode


def test_a_read_only_file_is_left_alone(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.chmod(0o444)
    # The superuser, who may write it all the same, runs these tests in some places.
    monkeypatch.setattr(os, "access", lambda path, mode: bool(os.stat(path).st_mode & 0o200))
    with pytest.raises(LockfileError, match="cannot be written: it is read-only"):
        replace(path, b"new")
    assert (path.read_bytes(), others(path.parent)) == (b"old", [])


def test_a_new_file_has_the_mode_of_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        replace(tmp_path / "llmring.lock", b"new")
    finally:
        os.umask(before)
    assert (tmp_path / "llmring.lock").stat().st_mode & 0o777 == 0o640


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_the_owner_stays(path: Path) -> None:
    os.chown(path, 12345, 54321)
    replace(path, b"new")
    assert (path.stat().st_uid, path.stat().st_gid) == (12345, 54321)


def test_a_link_stays_and_its_target_is_written(path: Path, tmp_path: Path) -> None:
    link = tmp_path / "sub" / "link.lock"
    link.parent.mkdir()
    link.symlink_to("../llmring.lock")
    replace(link, b"new")
    assert (link.is_symlink(), path.read_bytes(), others(link.parent)) == (
        True, b"new", ["link.lock"],
    )  # fmt: skip


def test_a_failed_write_leaves_the_old_file_alone(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(LockfileError) as caught:
        replace(path, b"new")
    assert caught.value.message == f"{path} cannot be written: No space left on device"
    assert (path.read_bytes(), others(path.parent)) == (b"old", [])


@pytest.mark.parametrize("function", ["replace", "fsync"])
def test_a_kill_before_the_rename_leaves_the_old_file(path: Path, function: str) -> None:
    code = f"""
        import os, signal
        from pathlib import Path
        from llmring.lockfile.writing import replace
        os.{function} = lambda *args: os.kill(os.getpid(), signal.SIGKILL)
        replace(Path({str(path)!r}), b"new")
    """
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    done = subprocess.run([sys.executable, "-c", textwrap.dedent(code)], env=env, check=False)
    assert done.returncode == -signal.SIGKILL
    assert path.read_bytes() == b"old"


def test_data_are_on_the_disk_before_the_rename(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    fsync, rename = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda handle: (calls.append("fsync"), fsync(handle)))
    monkeypatch.setattr(os, "replace", lambda a, b: (calls.append("rename"), rename(a, b)))
    replace(path, b"new")
    assert calls == ["fsync", "rename", "fsync"]


def test_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LockfileError, match="cannot be written: No such file or directory"):
        replace(tmp_path / "none" / "llmring.lock", b"new")
    with (
        pytest.raises(LockfileError, match="cannot be written: its folder: No such file"),
        only_writer(tmp_path / "none" / "llmring.lock"),
    ):
        pytest.fail("there is nothing to write to")


def test_who_waits_too_long_is_told(path: Path) -> None:
    now = [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds

    with (
        only_writer(path),
        pytest.raises(LockfileError, match="another process has been writing it for 10 s"),
        only_writer(path, sleep=sleep, clock=lambda: now[0]),
    ):
        pytest.fail("two writers at once")
    assert now[0] >= 10.0


def test_a_file_system_without_locks_can_be_written(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import fcntl

    def unsupported(handle: int, operation: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(fcntl, "flock", unsupported)
    with only_writer(path):
        replace(path, b"new")
    assert path.read_bytes() == b"new"


def test_the_lock_ends_with_its_holder(path: Path) -> None:
    with pytest.raises(ZeroDivisionError), only_writer(path):
        raise ZeroDivisionError
    with only_writer(path, wait_s=0.0):
        assert others(path.parent) == []
