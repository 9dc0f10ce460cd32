"""What our commands share: the file ``.env`` is read first, and an error says what was tried."""

from __future__ import annotations

import traceback

import click

from LLM.exceptions import LLMError
from llmring.cli.environment import load_env
from llmring.cli.logs import shown_warnings
from llmring.cli.names import model_named
from llmring.cli.notes import attempt_lines
from local_llm_kit.cli.command import Command
from local_llm_kit.cli.terminal import printable_line


class RingCommand(Command):
    """A command of ours; see `Command`."""

    extras = "ring,llama"

    def run(self, ctx: click.Context) -> None:
        """Run the command, with the variables of ``.env``."""
        load_env()
        with shown_warnings():
            super().run(ctx)

    def report(self, error: LLMError, problem: str) -> None:
        """Say what ended the command and, where several models were tried, how each failed."""
        ctx = click.get_current_context(silent=True)
        if ctx is not None and ctx.find_root().params.get("debug"):
            traceback.print_exception(error)
        details = getattr(error, "details", {})
        if error.code == "unknown_alias" and (model := model_named(details.get("alias", ""))):
            general = "; a model is written provider:model"
            problem = (
                f"{problem.removesuffix(general)}; a model is named with its provider: {model}"
            )
        super().report(error, problem)
        attempts = details.get("attempts", ())
        if len(attempts) > 1:
            for line in attempt_lines(attempts):
                click.echo(f"  {printable_line(line)}", err=True)
