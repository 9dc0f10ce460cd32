"""Help: quick, with examples that run as they stand; errors of usage; what is missing."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from LLM import __version__
from llmring import __main__
from llmring.cli import cli
from llmring.mcp.server.lockfile.serving import lockfile_offer
from tests.llmring.cli.support import ROOT, run, server_set, shown
from tests.llmring.mcp.serving.served import serving_aside

pytestmark = pytest.mark.slow

#: What help must not load: clients, models' shapes, and what only running a command needs.
HEAVY = {
    "aiohttp", "anthropic", "asyncio", "cloud", "dotenv", "google", "jsonschema", "ollama",
    "openai", "pydantic", "rich", "tomlkit",
}  # fmt: skip


def commands(group: click.Group, *before: str) -> Iterator[tuple[str, ...]]:
    """The words of every command."""
    ctx = click.Context(group)
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        yield (*before, name)
        if isinstance(command, click.Group):
            yield from commands(command, *before, name)


COMMANDS = list(commands(cli))
#: What runs until a client leaves, or a user.
WAITING = {("mcp", "lockfile-server"), ("server", "start")}
GROUPS = {command[:-1] for command in COMMANDS}


@pytest.fixture(scope="module")
def lockfile_url() -> Iterator[str]:
    """The address of a server of the lockfile's tools."""
    with serving_aside(lockfile_offer()) as url:
        yield url


def examples(*command: str) -> list[str]:
    """The lines under `Examples` in a command's help."""
    _, _, block = run(*command, "--help").stdout.partition("Examples:\n")
    return [line.strip() for line in block.splitlines() if line.strip()]


@pytest.mark.parametrize("command", [(), *COMMANDS], ids=" ".join)
def test_every_command_has_help_with_examples(command: tuple[str, ...]) -> None:
    lines = examples(*command)
    assert lines
    assert all(" ".join(["llmring", *command]) in line for line in lines)


@pytest.mark.parametrize("command", [(), *sorted({*COMMANDS} - WAITING)], ids=" ".join)
def test_the_examples_run_as_they_stand(
    command: tuple[str, ...], folder: Path, lockfile_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if command[:1] == ("server",):
        with server_set(folder, monkeypatch):
            for line in examples(*command):
                shown(line)
        return
    if command[:1] == ("mcp",) and command[-1] != "register":
        run("mcp", "register", "lockfile", lockfile_url)
        (folder / "servers.json").write_text('{"mcpServers": {"docs": {"command": "docs"}}}')
    if command in [("lock", "check"), ("lock", "validate"), ("lock", "bump-registry")]:
        run("lock", "init")
    for line in examples(*command):
        assert shown(line)


@pytest.mark.parametrize(
    "command", [(), ("chat",), ("lock", "init"), ("list",), ("info",)], ids=" ".join
)
def test_help_loads_nothing_heavy(command: tuple[str, ...]) -> None:
    code = (
        "import sys; from llmring.cli import cli\n"
        f"cli.main([*{command!r}, '--help'], standalone_mode=False)\n"
        "print(*sys.modules, file=sys.stderr)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert {name.partition(".")[0] for name in done.stderr.split()} & HEAVY == set()


def test_version_is_the_distributions() -> None:
    assert run("--version").output == f"llmring, version {__version__}\n"


@pytest.mark.parametrize(
    ("words", "meant"), [(["chta"], "chat"), (["lock", "chek"], "check")], ids=["top", "below"]
)
def test_a_command_that_is_not_there_is_answered_with_the_nearest(
    words: list[str], meant: str
) -> None:
    result = run(*words)
    assert result.exit_code == 2
    assert f"No such command {words[-1]!r}. Did you mean {meant!r}?" in result.stderr


def test_without_click_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "click", None)
    for name in ("llmring.cli", "llmring.cli.group"):
        monkeypatch.delitem(sys.modules, name)
    with pytest.raises(SystemExit, match=r"pip install '\.\[ring,llama\]'") as exit_info:
        __main__.main([])
    assert str(exit_info.value).startswith("error: ")


def test_the_entry_point_ends_with_the_commands_code(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        __main__.main(["lock", "check"])
    assert exit_info.value.code == 2
    assert capsys.readouterr().err.startswith("error: ")


@pytest.mark.parametrize(
    ("package", "importers", "arguments"),
    [
        ("tomlkit", ["llmring.lockfile.edits"], ["lock", "init"]),
        ("dotenv", [], ["providers"]),
        ("platformdirs", [], ["cache", "info"]),
    ],
)
def test_a_package_that_is_missing_is_named_with_the_extra(
    monkeypatch: pytest.MonkeyPatch, package: str, importers: list[str], arguments: list[str]
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    for name in importers:
        monkeypatch.delitem(sys.modules, name, raising=False)
    result = run(*arguments)
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr == (
        f"error: llmring {' '.join(arguments)} needs the package {package!r}, which is not "
        "installed; in llm-kit's folder run: pip install '.[ring,llama]'\n"
    )


def test_without_aiohttp_the_extra_is_named() -> None:
    code = (
        "import sys; sys.modules['aiohttp'] = None; from llmring.__main__ import main\n"
        "main(['chat', 'Hello', '--model', 'ollama:llama3.2'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, stdin=subprocess.DEVNULL, capture_output=True,
        text=True, timeout=60,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (1, "")
    assert "needs the package aiohttp, which is not installed" in done.stderr
    assert "pip install '.[async]'" in done.stderr
    assert len(done.stderr.splitlines()) == 1
