"""The group of all commands."""

from __future__ import annotations

import difflib
import importlib
from typing import Any

import click

from LLM._version import __version__
from LLM.exceptions import LLMError

#: Commands by name: the module that has a function of that name, and the line that help shows.
_COMMANDS = {
    "serve": ("local_llm_kit.cli.serve", "Serve models to any client, with a chat page."),
    "chat": ("local_llm_kit.cli.chat", "Chat with a model in the terminal."),
    "run": ("local_llm_kit.cli.run", "Answer one prompt on standard output."),
    "bench": ("local_llm_kit.cli.bench", "Measure how fast a model reads and writes."),
    "models": ("local_llm_kit.cli.models", "List, describe, download and remove models."),
    "ps": ("local_llm_kit.cli.ps", "Show what a running server has loaded."),
    "doctor": ("local_llm_kit.cli.doctor", "Say what is installed, what is missing, what adds it."),
    "completion": ("local_llm_kit.cli.completion", "Complete commands and models in a shell."),
}

_EXAMPLES = """\b
Examples:
  local-llm-kit serve
  local-llm-kit chat
  local-llm-kit run "What is the capital of France?"
  local-llm-kit run --help
"""


class _Commands(click.Group):
    """Loads a command when it is needed, and reports our errors as one line and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which help lists them."""
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; None when there is none."""
        if cmd_name not in _COMMANDS:
            return None
        command: click.Command = getattr(importlib.import_module(_COMMANDS[cmd_name][0]), cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named first.

        :raises click.UsageError: there is none of that name; says which is near.
        """
        name = args[0]
        near = difflib.get_close_matches(name, _COMMANDS, n=1)
        if name in _COMMANDS or name.startswith("-") or not near:
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"No such command {name!r}. Did you mean {near[0]!r}?", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in _COMMANDS.items()])

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except LLMError as err:
            click.echo(f"error: {err}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.group(cls=_Commands, epilog=_EXAMPLES)
@click.version_option(__version__, prog_name="local-llm-kit")
def cli() -> None:
    """Run language models on this machine: serve them, or chat with them here."""
