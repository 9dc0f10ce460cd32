"""What our commands add to click's: options under headings, and errors in terms of the flags."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import click

from LLM.exceptions import LLMError
from LLM.extras import how_to_add
from local_llm_kit.cli.terminal import printable

#: What the engines and the client call some options: their errors name these.
_OTHER_NAMES = {
    "n_threads": "threads",
    "draft_path": "draft_model",
    "timeout_s": "server_timeout",
    "base_url": "url",
    "response_format": "schema",
}


class Option(click.Option):
    """An option that help lists under a heading.

    :param section: the heading; ``Options`` is click's own.
    """

    def __init__(self, *args: Any, section: str = "Options", **attrs: Any) -> None:
        super().__init__(*args, **attrs)
        self.section = section


class Command(click.Command):
    """A command with options under headings; an error of ours is one line and exit code 1."""

    #: The extras of llm-kit that bring what the command may need.
    extras = "llama,server"

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the options, each under its heading; those without one come first."""
        sections: dict[str, list[tuple[str, str]]] = {"Options": []}
        for param in self.get_params(ctx):
            record = param.get_help_record(ctx)
            # Arguments have no text of their own: the usage line shows them.
            if record is not None and not isinstance(param, click.Argument):
                heading = param.section if isinstance(param, Option) else "Options"
                sections.setdefault(heading, []).append(record)
        for heading, records in sections.items():
            with formatter.section(heading):
                formatter.write_dl(records)

    def invoke(self, ctx: click.Context) -> None:
        """Run the command, and report what ends it."""
        try:
            self.run(ctx)
            return
        except LLMError as err:
            self.report(err, in_flags(str(err), flags_of(self)))
        except ModuleNotFoundError as err:
            package = (err.name or "").partition(".")[0]
            if package in ("", "LLM", "cloud", "llm_kit", "llmring", "local_llm_kit"):
                raise  # ours, and nothing that could be installed
            click.echo(
                f"error: {ctx.command_path} needs the package {package!r}, which is not installed; "
                + how_to_add(self.extras),
                err=True,
            )
        ctx.exit(1)

    def run(self, ctx: click.Context) -> None:
        """Run the command."""
        super().invoke(ctx)

    def report(self, error: LLMError, problem: str) -> None:
        """Say on standard error what ended the command.

        :param problem: the error's message, in terms of the flags.
        """
        # A server's reason may be in it.
        click.echo(f"error: {printable(problem)}", err=True)


def flags_of(command: click.Command) -> dict[str, str]:
    """The flags of a command by the names that the library has for them."""
    flags = {
        param.name: max(param.opts, key=len)
        for param in command.params
        if isinstance(param, click.Option) and param.name is not None
    }
    return flags | {name: flags[option] for name, option in _OTHER_NAMES.items() if option in flags}


def in_flags(message: str, flags: Mapping[str, str]) -> str:
    """An error's message with the options called as on the command line.

    A name of one word is replaced only where it begins the message: elsewhere it may be a word.
    """
    for name, flag in flags.items():
        if "_" in name:
            pattern = rf"(?<![\w./\\-])(?:LLMConfig\.)?{name}(?![\w./\\-])"
            message = re.sub(pattern, flag, message)
        elif message.startswith(f"{name} is "):
            message = flag + message[len(name) :]
    return message
