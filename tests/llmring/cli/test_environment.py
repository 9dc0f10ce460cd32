"""``.env``: the nearest one is read, sets nothing anew, and is warned of where it is broken."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from tests.llmring.cli.support import run


def openai_is_set_up(**environ: str) -> bool:
    told = json.loads(run("providers", "--json", **environ).stdout)
    return bool(next(one["is_set_up"] for one in told if one["name"] == "openai"))


def test_keys_are_read_from_the_file_here(folder: Path) -> None:
    assert not openai_is_set_up()
    (folder / ".env").write_text("OPENAI_API_KEY=sk-secret\n")
    assert openai_is_set_up()


def test_the_nearest_file_above_is_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (folder / ".env").write_text("\ufeffexport OPENAI_API_KEY='sk-secret' # mine\n")
    (folder / "a" / "b").mkdir(parents=True)
    monkeypatch.chdir(folder / "a" / "b")
    assert openai_is_set_up()


def test_what_is_set_stays_as_it_is(folder: Path) -> None:
    (folder / ".env").write_text("LLMRING_PROFILE=none\n")
    assert run("aliases", LLMRING_PROFILE="default").exit_code == 0
    assert os.environ.get("LLMRING_PROFILE") is None
    assert "unknown profile 'none'" in run("aliases").stderr


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (b"A=sk-secret\n=sk-secret\n", "has no NAME=VALUE in line 2, which is left out"),
        (b"A=sk-secret\xff\n", "is not UTF-8 text, and is left out"),
        (b"A=sk-secret\0\n", "has a value that no variable can have"),
    ],
    ids=["no name", "no text", "NUL"],
)
def test_a_broken_file_is_warned_of_without_its_values(
    folder: Path, data: bytes, problem: str
) -> None:
    (folder / ".env").write_bytes(data)
    result = run("cache", "info")
    assert result.exit_code == 0
    assert result.stderr.startswith(f"warning: {str(folder / '.env')!r} {problem}")
    assert "sk-secret" not in result.output


def test_a_file_that_cannot_be_read_is_warned_of(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (folder / ".env").write_text("A=b\n")

    def refuse(*args: object, **named: object) -> bool:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("dotenv.load_dotenv", refuse)
    result = run("cache", "info")
    assert result.exit_code == 0
    assert "cannot be read (Permission denied), and is left out" in result.stderr


def test_help_reads_no_file(folder: Path) -> None:
    (folder / ".env").write_bytes(b"\xff")
    assert run("chat", "--help").stderr == ""


def test_a_folder_that_is_gone_has_no_file(folder: Path) -> None:
    folder.rmdir()
    result = run("cache", "info")
    assert (result.exit_code, result.stderr) == (0, "")
