"""docs/start.md: its commands run as they stand and show what it says."""

from __future__ import annotations

import configparser
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.samples import Sample, fits, samples, steps

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "start.md"
BLOCKS = [one for one in samples(PAGE) if one.language == "console"]
LINES = [line for one in samples(PAGE) if one.language == "sh" for line in one.code.splitlines()]
SHELL = "".join(
    f'{name}() {{ "{sys.executable}" -m {module} "$@"; }}\n'
    for name, module in [("local-llm-kit", "local_llm_kit"), ("llmring", "llmring")]
)


def shell(line: str, folder: Path, stdin: int) -> subprocess.Popen[str]:
    """A line as it is typed, in a folder that is the user's home too."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT), "HOME": str(folder)}
    return subprocess.Popen(
        ["bash", "-c", SHELL + line], cwd=folder, env=environ, stdin=stdin,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("block", BLOCKS, ids=str)
def test_a_block_shows_what_it_says(block: Sample, tmp_path: Path) -> None:
    for line, expected in steps(block.code):
        process = shell(line, tmp_path, subprocess.DEVNULL)
        text, _ = process.communicate(timeout=100)
        assert (process.returncode, fits(expected, text)) == (0, True), text


def test_the_blocks_are_found() -> None:
    assert [len(steps(block.code)) for block in BLOCKS] == [1, 3]


def test_the_extras_that_are_installed_exist() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    [named] = [found for line in LINES for found in re.findall(r"pip install '\.\[(.*)\]'", line)]
    assert set(named.split(",")) - set(setup["options.extras_require"]) == set()


@pytest.mark.slow
def test_the_server_starts_as_it_says(tmp_path: Path) -> None:
    [line] = [line for line in LINES if line.startswith("local-llm-kit serve")]
    process = shell(f"{line} --port 0 --exit-on-eof", tmp_path, subprocess.PIPE)
    assert process.stdout is not None
    told = [process.stdout.readline() for _ in range(2)]
    process.communicate(timeout=100)  # closes its standard input
    assert process.returncode == 0
    assert re.match(r"page: http://127\.0\.0\.1:\d+/ ", told[1]), told
