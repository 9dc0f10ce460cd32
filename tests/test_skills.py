"""The skills for coding agents: their form, and that all they say to run runs, offline."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import click
import pytest
import yaml

from tests.guides.player import COMMANDS, ROOT, Player, put_programs
from tests.samples import samples

PAGES = sorted((ROOT / "skills").glob("*/SKILL.md"))
_CODE = re.compile(r"`((?:llmring|local-llm-kit|llm-kit) [^`]+)`")


@pytest.fixture
def player(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, local_server_url: str,
    monkeypatch: pytest.MonkeyPatch,
) -> Player:  # fmt: skip
    """Where a skill is followed: an empty folder, an empty home, the programs, no keys."""
    programs = tmp_path_factory.mktemp("bin") / "bin"
    put_programs(programs)
    monkeypatch.setenv("PATH", f"{programs}{os.pathsep}{os.environ['PATH']}")
    for name in ("HOME", "XDG_CONFIG_HOME", "XDG_DATA_HOME"):
        monkeypatch.setenv(name, str(tmp_path_factory.mktemp("home")))
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.chdir(tmp_path)
    return Player(tmp_path, local_server_url)


def test_there_are_the_four_that_are_promised() -> None:
    names = [page.parent.name for page in PAGES]
    assert names == ["local-models", "lockfile", "streaming", "tools"]
    listed = re.findall(r"^\| \[([\w-]+)\]", (ROOT / "skills/README.md").read_text("utf-8"), re.M)
    assert sorted(listed) == names


def test_the_chapter_that_others_link_to_is_there() -> None:
    page = (ROOT / "skills/lockfile/SKILL.md").read_text("utf-8")
    assert "\n## Lockfile composability\n" in page  # SKILL.md#lockfile-composability


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_a_skill_has_the_open_form(page: Path) -> None:
    _, front, body = page.read_text("utf-8").split("---\n", 2)
    fields = yaml.safe_load(front)
    assert set(fields) == {"name", "description"}
    assert fields["name"] == page.parent.name
    assert re.fullmatch(r"[a-z0-9]+(-[a-z0-9]+)*", fields["name"])
    assert "Use when" in fields["description"]
    assert len(fields["description"]) <= 1024
    assert body.strip().startswith("# ")
    assert len(body.splitlines()) < 500


@pytest.mark.parametrize(
    "told", sorted({told for page in PAGES for told in _CODE.findall(page.read_text("utf-8"))})
)
def test_a_command_in_the_text_exists(told: str) -> None:
    name, *words = shlex.split(told)
    command: click.Command | None = COMMANDS[name]
    while isinstance(command, click.Group):
        assert words, f"{told!r} is not a whole command"
        command = command.get_command(click.Context(command), words.pop(0))
    assert command is not None, f"{told!r} is no command"
    known = {option for one in command.params for option in one.opts}
    assert {word for word in words if word.startswith("-")} <= known


@pytest.mark.parametrize(
    "page",
    [*PAGES, ROOT / "skills/README.md", ROOT / "examples/README.md"],
    ids=lambda page: f"{page.parent.name}/{page.name}",
)
def test_links_lead_to_files(page: Path) -> None:
    links = re.findall(r"\]\(([^)#]+)", page.read_text("utf-8"))
    assert links
    assert [link for link in links if not (page.parent / link).exists()] == []


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.parent.name)
def test_a_skill_does_what_it_says(page: Path, player: Player) -> None:
    for sample in samples(page):
        player.play(sample)
