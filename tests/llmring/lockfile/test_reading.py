"""Files that are no lockfiles: each ends in an error that says what they are, and none hangs."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from llmring.exceptions import LockfileError
from llmring.lockfile import load, validate

pytestmark = pytest.mark.slow


def loop(path: Path) -> None:
    path.symlink_to(path)


FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "missing": (lambda path: None, " does not exist; make it (llmring lock init), or name another"),
    "folder": (Path.mkdir, " is a folder, not a file; name the lockfile itself"),
    "FIFO": (os.mkfifo, " is a FIFO, not a file; name the lockfile itself"),
    "link loop": (loop, " is a symbolic link that leads to itself"),
    "link to nowhere": (
        lambda path: path.symlink_to("gone"),
        " does not exist; make it (llmring lock init), or name another",
    ),
    "device": (
        lambda path: path.symlink_to("/dev/zero"),
        " is a device or socket, not a file; name the lockfile itself",
    ),
    "huge": (
        lambda path: path.write_bytes(b"#" * (256 * 1024 + 1)),
        " is larger than 262,144 bytes; a lockfile holds aliases only",
    ),
    "sparse": (
        lambda path: (path.touch(), os.truncate(path, 1 << 40)),
        " is larger than 262,144 bytes; a lockfile holds aliases only",
    ),
    "binary": (
        lambda path: path.write_bytes(b'version = "1.0"\n\x89PNG\r\n\x1a\n\0\xff'),
        ", line 2: byte 0x89 is not UTF-8; save the file as UTF-8",
    ),
    "Latin-1": (
        lambda path: path.write_bytes("# été".encode("latin-1")),
        ", line 1: byte 0xe9 is not UTF-8; save the file as UTF-8",
    ),
    "UTF-16": (
        lambda path: path.write_bytes("version".encode("utf-16")),
        ", line 1: byte 0xff is not UTF-8; save the file as UTF-8",
    ),
    "surrogates in UTF-8": (
        lambda path: path.write_bytes(b"\n\na = '\xed\xa0\x80'"),
        ", line 3: byte 0xed is not UTF-8; save the file as UTF-8",
    ),
    "NUL bytes": (
        lambda path: path.write_bytes(b"\0" * 100),
        ", line 1, column 1: not TOML: Invalid statement",
    ),
}


@pytest.mark.parametrize(("make", "expected"), FILES.values(), ids=FILES)
def test_no_lockfile_is_an_error_that_says_what_it_is(
    make: Callable[[Path], object], expected: str, tmp_path: Path
) -> None:
    path = tmp_path / "llmring.lock"
    make(path)
    with pytest.raises(LockfileError) as caught:
        load(path)
    assert caught.value.message == f"{path}{expected}"
    assert [finding.severity for finding in validate(path)] == ["error"]


def test_a_file_that_may_not_be_read_is_an_error(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    path = tmp_path / "llmring.lock"
    path.touch(mode=0)
    # Root may read all, so the child is somebody else.
    code = """
import os
if os.geteuid() == 0:
    from llmring.lockfile import load
    os.setuid(65534)
from llmring.lockfile import load
try:
    load("llmring.lock")
except ValueError as err:
    print(err)
"""
    env = {**os.environ, "PYTHONPATH": os.getcwd()}
    folder = os.open(tmp_path, os.O_RDONLY)
    try:
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=env,
            preexec_fn=lambda: os.fchdir(folder),
            capture_output=True,
            text=True,
            check=True,
        )
    finally:
        os.close(folder)
    assert done.stdout == "llmring.lock cannot be read: Permission denied\n"


WORST = {
    "dotted keys": "a" + ".a" * 63 + " = 1\n",
    "headers": "[[a]]\n",
    "tables": "[a.b.c.d.e.f.g.h]\nx = 1\n",
    "quotes": '""',
    "letters": "a",
    "dots": ".",
    "brackets in a string": 'a = "[[[[[[[[[[[[[[["\n',
    "comment": "# \n",
    "arrays": "a = [[[[]]]]\n",
    "open strings": "'a",
    "keys of one table": "k{} = 1\n",
    "models": '[[profiles.default.bindings]]\nalias = "a{}"\nmodels = ["x:y", 3]\nz{} = 1\n',
}


@pytest.mark.parametrize("piece", WORST.values(), ids=WORST)
def test_the_worst_text_of_the_largest_size_takes_five_seconds_at_most(piece: str) -> None:
    from llmring.lockfile import validate_text

    text = "".join(piece.replace("{}", str(i)) for i in range((256 << 10) // len(piece)))
    start = time.process_time()
    validate_text(text)
    assert time.process_time() - start < 5.0


def test_a_fifo_does_not_wait_for_a_writer(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "llmring.lock")
    start = time.monotonic()
    with pytest.raises(LockfileError):
        load(tmp_path / "llmring.lock")
    assert time.monotonic() - start < 10


def test_many_packages_and_many_overrides_take_five_seconds_at_most() -> None:
    from llmring.lockfile import validate_text

    packages = ", ".join(f'"package{i}"' for i in range(6000))
    aliases = "".join(
        f'[[profiles.p.bindings]]\nalias = "pakage{i}:x"\nmodels = []\n' for i in range(2000)
    )
    start = time.process_time()
    validate_text(f"[extends]\npackages = [{packages}]\n{aliases}")
    assert time.process_time() - start < 5.0
