"""What our commands add to click's: options under headings, and errors in terms of the flags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from LLM.exceptions import LLMError

#: What the engines call some options: their errors name these.
_ENGINE_NAMES = {"n_threads": "threads", "draft_path": "draft_model", "timeout_s": "server_timeout"}


class Option(click.Option):
    """An option that help lists under a heading.

    :param section: the heading; ``Options`` is click's own.
    """

    def __init__(self, *args: Any, section: str = "Options", **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.section = section


class Command(click.Command):
    """A command with options under headings; an error of ours is one line and exit code 1."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under its heading; those without one come first."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            if record is not None:
                heading = param.section if isinstance(param, Option) else "Options"
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)
        except LLMError as err:
            click.echo(f"error: {in_flags(str(err), flags_of(self))}", err=True)
            ctx.exit(1)


def flags_of(command: click.Command) -> dict[str, str]:
    """The flags of a command by the names that the library has for them."""
    flags = {
        param.name: max(param.opts, key=len)
        for param in command.params
        if isinstance(param, click.Option) and param.name is not None
    }
    return flags | {
        name: flags[option] for name, option in _ENGINE_NAMES.items() if option in flags
    }


def in_flags(message: str, flags: Mapping[str, str]) -> str:
    """An error's message with the options called as on the command line.

    A name of one word is replaced only where it begins the message: elsewhere it may be a word.
    """
    for name, flag in flags.items():
        if "_" in name:
            message = re.sub(rf"(?<![\w./\\-]){name}(?![\w./\\-])", flag, message)
        elif message.startswith(f"{name} is "):
            message = flag + message[len(name) :]
    return message
