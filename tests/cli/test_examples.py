"""The examples that help shows run as they stand, on the bundled model."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.cli.support import run

pytestmark = pytest.mark.slow

SHELL = f'local-llm-kit() {{ "{sys.executable}" -m local_llm_kit "$@"; }}\n'
COMMANDS = ("chat", "run", "bench")


def examples(*command: str) -> list[str]:
    """The lines under `Examples` in a command's help."""
    _, _, block = run(*command, "--help").stdout.partition("Examples:\n")
    return [line.strip() for line in block.splitlines() if line.strip()]


def shell(line: str, folder: Path, stdin: int) -> subprocess.Popen[str]:
    """A line as it is typed; no browser is opened."""
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "BROWSER": "true"}
    return subprocess.Popen(
        ["bash", "-c", SHELL + line], cwd=folder, env=environ, stdin=stdin,
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip


@pytest.mark.parametrize("line", [line for command in COMMANDS for line in examples(command)])
def test_an_example_runs(line: str, tmp_path: Path) -> None:
    process = shell(line, tmp_path, subprocess.DEVNULL)
    _, told = process.communicate(timeout=100)
    assert (process.returncode, told.count("error")) == (0, 0), told


@pytest.mark.parametrize("line", examples("serve"))
def test_an_example_of_serve_serves(line: str, tmp_path: Path) -> None:
    # The last port given counts.
    process = shell(f"{line} --port 0 --exit-on-eof", tmp_path, subprocess.PIPE)
    assert process.stderr is not None
    told = [process.stderr.readline() for _ in range(2)]
    assert process.communicate(timeout=100)[1] == ""  # closes standard input
    assert process.returncode == 0
    assert re.match(r"serving 'tiny' at http://[\d.]+:\d+ ", told[0])
    assert re.match(r"page: http://127\.0\.0\.1:\d+/  metrics: ", told[1])


@pytest.mark.parametrize("command", COMMANDS)
def test_there_are_examples_of_every_command(command: str) -> None:
    assert [line for line in examples(command) if f"local-llm-kit {command}" in line]


def page_lines() -> list[str]:
    """The commands of docs/cli.md that end by themselves."""
    page = (Path(__file__).parents[2] / "docs" / "cli.md").read_text()
    lines = re.findall(r"^\$ (.*)$", page, re.MULTILINE)
    return [line for line in lines if re.search(r"local-llm-kit (run|bench)|\| local-llm", line)]


@pytest.mark.parametrize("line", page_lines())
def test_a_command_of_the_page_runs(line: str, tmp_path: Path) -> None:
    process = shell(line, tmp_path, subprocess.DEVNULL)
    answer, told = process.communicate(timeout=100)
    assert (process.returncode, told.count("error")) == (0, 0), told
    assert answer
