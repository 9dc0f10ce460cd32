"""docs/llm_kit_cli.md: its commands run as they stand, and show what the page says."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from llm_kit.cli.batch import batch
from llm_kit.tables.answers import ANSWER_COLUMNS
from llm_kit.tables.requests import REQUEST_COLUMNS

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "llm_kit_cli.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
SHELL = f'llm-kit() {{ "{sys.executable}" -m llm_kit "$@"; }}\n'


def shown(line: str, folder: Path) -> str:
    """What a line writes, on whichever stream."""
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["bash", "-c", SHELL + line], cwd=folder, env=environ, stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, timeout=60,
    )  # fmt: skip
    return done.stdout


def fits(expected: str, text: str) -> bool:
    """Whether a text is as expected; `…` stands for a part of a line, or alone for any lines."""
    lines = [
        r"(?:.*\n)*" if line == "…" else re.escape(line).replace("…", ".*") + r"\n"
        for line in expected.splitlines()
    ]
    return re.fullmatch("".join(lines), text) is not None


@pytest.mark.slow
def test_the_pages_commands_show_what_it_says(tmp_path: Path) -> None:
    for block in BLOCKS:
        parted = re.split(r"^\$ (.*)\n", block, flags=re.MULTILINE)
        for line, expected in zip(parted[1::2], parted[2::2], strict=True):
            text = shown(line, tmp_path)
            assert fits(expected, text), f"{line}\n{text}"


def test_every_column_is_on_the_page() -> None:
    names = [*REQUEST_COLUMNS, *(name for name, _ in ANSWER_COLUMNS)]
    assert [name for name in names if f"`{name}`" not in PAGE] == []


def test_what_the_page_says_of_options_is_of_options() -> None:
    options = {flag for param in batch.params for flag in param.opts}
    assert set(re.findall(r"`(--[a-z-]+)", PAGE)) <= options
