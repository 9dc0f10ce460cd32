"""docs/guides and docs/migration do what they say: every block runs, offline."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from LLM.logs import reset_logging
from tests.guides.player import ROOT, Player, put_programs
from tests.samples import samples

PAGES = sorted([*(ROOT / "docs/guides").glob("*.md"), *(ROOT / "docs/migration").glob("*.md")])


@pytest.fixture
def player(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, local_server_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Player:  # fmt: skip
    """Where a page is played: a folder of its own, programs, no keys, data that is thrown away."""
    programs = tmp_path_factory.mktemp("bin") / "bin"
    put_programs(programs)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setenv("NO_COLOR", "1")
    # A pytest that a page runs has our plugin and no others, installed or not.
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setenv("PYTEST_ADDOPTS", "-p LLM.cassettes.pytest_plugin")
    monkeypatch.delenv("CI", raising=False)
    monkeypatch.chdir(tmp_path)
    return Player(tmp_path, local_server_url)


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_a_page_does_what_it_says(page: Path, player: Player) -> None:
    try:
        for sample in samples(page):
            player.play(sample)
    finally:
        reset_logging()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: f"{page.parent.name}/{page.stem}")
def test_links_lead_to_files(page: Path) -> None:
    text = page.read_text("utf-8")
    links = re.findall(r"\]\((?!https?:)([^)#]+)", text)
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []
    # Tests that a page names as its witnesses.
    witnesses = re.findall(r"`(tests/[^`]+)`", text)
    assert [name for name in witnesses if not (ROOT / name).exists()] == []
