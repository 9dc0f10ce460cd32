"""docs/guides and docs/migration do what they say: every block runs, offline."""

from __future__ import annotations

import os
import re
from pathlib import Path

import click
import pytest

from LLM.logs import reset_logging
from tests.guides.player import ROOT, Player, put_programs
from tests.samples import DEFAULT_URL

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
    for name in ("XDG_CACHE_HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp(name)))
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
        player.play_page(page)
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


@pytest.mark.parametrize(
    "blocks",
    [
        "```python\nprint(1)\n```\n\n```text\n2\n```\n",
        "```text\nof nothing\n```\n",
        "```console\n$ echo one\ntwo\n```\n",
        "```sh\nllmring aliases --colour\n```\n",
        "```sh\nA=1 local-llm-kit serv --model tiny &\n```\n",
        "```toml\n# llmring.lock\nversoin = '1.0'\n```\n",
        "```py\nprint(\n```\n",
        "```perl\nprint 1;\n```\n",
    ],
)
def test_a_page_that_is_wrong_is_found(blocks: str, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(f"# A page\n\n{blocks}", "utf-8")
    player = Player(tmp_path, DEFAULT_URL)
    with pytest.raises((AssertionError, SyntaxError, click.UsageError)):
        player.play_page(page)
