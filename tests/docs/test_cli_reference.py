"""docs/cli-reference.md is what the commands say, all of them."""

from __future__ import annotations

import configparser
import importlib
import re
from collections.abc import Iterator
from pathlib import Path

import cli_reference
import click

ROOT = Path(__file__).parents[2]
TEXT = cli_reference.PAGE.read_text("utf-8")


def commands(command: click.Command, path: str) -> Iterator[tuple[str, click.Command]]:
    """A command and all below it, each by its words."""
    yield path, command
    if isinstance(command, click.Group):
        ctx = click.Context(command)
        for name in command.list_commands(ctx):  # whose modules are loaded when asked for
            child = command.get_command(ctx, name)
            assert child is not None
            yield from commands(child, f"{path} {name}")


def flags(command: click.Command) -> list[str]:
    """Everything that a command's options may be written as."""
    options = [one for one in command.params if isinstance(one, click.Option) and not one.hidden]
    return [flag for option in options for flag in (*option.opts, *option.secondary_opts)]


def test_the_page_is_what_the_commands_say() -> None:
    assert cli_reference.page() == TEXT, "run scripts/make-cli-reference"


def test_the_programs_are_those_that_are_installed() -> None:
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    lines = setup["options.entry_points"]["console_scripts"].split("\n")
    entries = dict(line.split(" = ") for line in lines if line)
    assert [name for name, _ in cli_reference.programs()] == sorted(entries)
    for name, command in cli_reference.programs():
        module = importlib.import_module(entries[name].partition(":")[0])
        assert module._load() is command


def test_every_option_stands_under_its_command() -> None:
    parts = dict(re.findall(r"^#{2,3} `([^`]+)`\n(.*?)(?=^#{2,3} |\Z)", TEXT, re.M | re.S))
    assert len(parts) > 50
    for program, root in cli_reference.programs():
        for path, command in commands(root, program):
            found = [one for one in flags(command) if not re.search(rf"{one}\b", parts[path])]
            assert (path, found) == (path, [])
