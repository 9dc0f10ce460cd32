"""docs/llmring_cli.md: its commands run as they stand and say what the page says they do."""

from __future__ import annotations

import os
import re
import sys
from contextlib import nullcontext
from pathlib import Path

import pytest

from tests.llmring.cli.support import ROOT, server_set, shown
from tests.llmring.cli.test_help import COMMANDS, GROUPS, WAITING
from tests.samples import fits, steps

pytestmark = pytest.mark.slow

PAGE = (ROOT / "docs" / "llmring_cli.md").read_text("utf-8")
BLOCKS = re.findall(r"^```console\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)


@pytest.fixture(autouse=True)
def program(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The program `llmring` is found, by whoever starts it."""
    script = folder.parent / "bin" / "llmring"
    script.parent.mkdir()
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m llmring "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.splitlines()[0][2:])
def test_a_block_shows_what_it_says(
    block: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    is_of_server = block.startswith("$ llmring server")
    with server_set(folder, monkeypatch) if is_of_server else nullcontext():
        for line, expected in steps(block):
            text = shown(line)
            assert fits(expected, text), text


def test_every_command_is_on_the_page() -> None:
    lines = [line for block in BLOCKS for line, _ in steps(block)]
    named = {" ".join(words) for words in {*COMMANDS} - GROUPS - WAITING}
    assert {name for name in named if not any(f"llmring {name}" in line for line in lines)} == set()
    assert {words for words in WAITING if f"llmring {' '.join(words)}" not in PAGE} == set()
