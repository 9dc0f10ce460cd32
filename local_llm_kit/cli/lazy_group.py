"""A group of commands whose modules are loaded when they are needed, so that help is quick."""

from __future__ import annotations

import difflib
import importlib
import os
from collections.abc import Mapping
from typing import Any

import click

from LLM.exceptions import LLMError
from local_llm_kit.cli.terminal import printable


def complete_variable(program: str) -> str:
    """The variable by which a shell asks `program` for completions, as click names it."""
    return f"_{program.replace('-', '_').upper()}_COMPLETE"


class LazyGroup(click.Group):
    """Loads a command when it is needed, and reports our errors as one line and an exit code.

    :param commands: by the names in the order of help, each the module that has it, its name there
        behind a colon where that differs, and the line that help shows.
    """

    def __init__(
        self, *args: Any, commands: Mapping[str, tuple[str, str]] | None = None, **attrs: Any
    ) -> None:
        super().__init__(*args, **attrs)
        self._homes = dict(commands or {})

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The names, in the order in which help lists them."""
        return list(self._homes)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """A command by its name; None when there is none."""
        if cmd_name not in self._homes:
            return None
        module, _, name = self._homes[cmd_name][0].partition(":")
        command: click.Command = getattr(importlib.import_module(module), name or cmd_name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that is named first.

        :raises click.UsageError: there is none of that name; says which is near.
        """
        name = args[0]
        near = difflib.get_close_matches(name, self._homes, n=1)
        if name in self._homes or name.startswith("-") or not near:
            return super().resolve_command(ctx, args)
        raise click.UsageError(f"No such command {name!r}. Did you mean {near[0]!r}?", ctx)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, line) for name, (_, line) in self._homes.items()])

    def main(self, *args: Any, **extra: Any) -> Any:
        """Run the program, or answer the shell that asks what could be typed."""
        if complete_variable(extra.get("prog_name") or "") in os.environ:
            from local_llm_kit.cli.completion import register

            register()
        return super().main(*args, **extra)

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command."""
        try:
            return super().invoke(ctx)
        except LLMError as err:
            click.echo(f"error: {printable(str(err))}", err=True)
            ctx.exit(1)
        except KeyboardInterrupt:
            ctx.exit(130)
