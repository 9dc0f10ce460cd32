"""CONTRIBUTING.md names files, scripts and constants that are there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from tests.samples import samples

ROOT = Path(__file__).resolve().parent.parent
PAGE = ROOT / "CONTRIBUTING.md"
# Blocks of code have backticks of their own.
PROSE = re.sub(
    r"````.*?````", "", re.sub(r"^```.*?^```$", "", PAGE.read_text("utf-8"), flags=re.S | re.M)
)
WRITTEN_BY_TOOLS = {"build/", "dist/", "docs/NAME.md"}


def named_paths() -> list[str]:
    """What prose names in backticks that looks like a path of this repository."""
    words = [word for code in re.findall(r"`([^`]+)`", PROSE) for word in shlex.split(code)]
    tops = tuple(f"{path.name}/" for path in ROOT.iterdir() if path.is_dir())
    return sorted({word for word in words if word.startswith(tops)} - WRITTEN_BY_TOOLS)


def test_the_paths_it_names_are_there() -> None:
    paths = named_paths()
    assert len(paths) > 40
    # NAME stands for the new thing: the folder above it is there.
    asked = [path.partition("NAME")[0] for path in paths]
    assert [path for path in asked if not (ROOT / path).exists()] == []


def test_the_constants_it_names_are_in_the_files_it_names() -> None:
    pairs = re.findall(r"`(_?[A-Z][A-Z_]{3,})`\s+(?:in|of)\s+`([\w/.]+\.py)`", PROSE)
    assert len(pairs) > 7
    missing = [
        (name, path)
        for name, path in pairs
        if not re.search(rf"^{name}\b", (ROOT / path).read_text("utf-8"), re.M)
    ]
    assert missing == []


@pytest.mark.parametrize(
    "command",
    [
        line.partition("#")[0].strip()
        for block in samples(PAGE)
        if block.language == "sh"
        for line in block.code.splitlines()
    ],
)
def test_its_commands_are_scripts_with_files_that_are_there(command: str) -> None:
    script, *arguments = shlex.split(command)
    assert (ROOT / script).stat().st_mode & 0o100
    assert [one for one in arguments if "/" in one and not (ROOT / one).exists()] == []


def test_its_links_lead_to_files() -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)", PROSE)
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
