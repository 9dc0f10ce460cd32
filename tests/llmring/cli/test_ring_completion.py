"""Completion in shells: aliases, models, profiles and providers, whatever the shell cuts."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.llmring.cli.support import LOCKFILE, ROOT, run

#: Sources the script, and completes the words that it is given.
_ASK = """
eval "$SCRIPT"
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
_llmring_completion llmring
printf '%s\\n' "${COMPREPLY[@]}"
"""


def asked(words: str, **environ: str) -> list[str]:
    """What a shell of whole words is offered behind these."""
    *before, incomplete = words.split(" ")
    variables = {"COMP_WORDS": " ".join(["llmring", *before]), "COMP_CWORD": incomplete}
    done = run(_LLMRING_COMPLETE="fish_complete", **variables, **environ)
    assert done.stderr == ""
    lines = [line for line in done.stdout.splitlines() if line]
    return [line.partition(",")[2].partition("\t")[0] for line in lines]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        ("cha", ["chat"]),
        ("lock b", ["bump-registry"]),
        ("chat --model fa", ["fast"]),
        ("chat --model openai:gpt-6-lu", ["openai:gpt-6-luna"]),
        ("chat --profile dev --model ass", ["assistant"]),
        ("chat --profile d", ["default", "dev"]),
        ("bind fa", ["fast"]),
        ("bind fast local:tiny,openai:gpt-6-lu", ["local:tiny,openai:gpt-6-luna"]),
        ("info local:", ["local:tiny"]),
        ("list --provider o", ["openai", "ollama"]),
        ("list --provider mi", ["mine"]),
        ("completion z", ["zsh"]),
    ],
)
def test_names_are_completed(folder: Path, words: str, expected: list[str]) -> None:
    entry = '\n[providers.mine]\nbase_url = "https://a.example/v1"\n'
    (folder / "llmring.lock").write_text(LOCKFILE + entry)
    assert asked(words) == expected


@pytest.mark.parametrize("words", ["chat --model fa", "chat --profile d", "bind fa"])
def test_broken_files_complete_nothing_and_say_nothing(folder: Path, words: str) -> None:
    (folder / "llmring.lock").write_text("version = ")
    (folder / ".env").write_bytes(b"A=\xff")
    assert asked(words) == []


def test_the_lockfile_that_the_file_env_names_is_completed_from(folder: Path) -> None:
    (folder / "my.lock").write_text(LOCKFILE.replace('"fast"', '"mine"'))
    (folder / ".env").write_text("LLMRING_LOCKFILE_PATH=my.lock\n")
    assert asked("bind m") == ["mine"]


def test_bash_completes_behind_a_colon(tmp_path: Path) -> None:
    program = tmp_path / "bin" / "llmring"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m llmring "$@"\n')
    program.chmod(0o755)
    environ = dict(os.environ) | {
        "PATH": f"{program.parent}:{os.environ['PATH']}",
        "PYTHONPATH": str(ROOT),
        "SCRIPT": run("completion", "bash").stdout,
    }
    words = ["llmring", "info", "openai", ":", "gpt-6-lu"]
    done = subprocess.run(
        ["bash", "--norc", "-c", _ASK, "bash", *words],
        env=environ, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("gpt-6-luna\n", "")


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_says_how_to_keep_it(shell: str) -> None:
    result = run("completion", shell)
    assert "_LLMRING_COMPLETE" in result.stdout
    assert f"llmring completion {shell}" in result.stdout.splitlines()[-1]
