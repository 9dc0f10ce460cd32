"""`local-llm-kit doctor`."""

from __future__ import annotations

import sys
from dataclasses import asdict

import click

from LLM.extras import how_to_add
from local_llm_kit.cli.command import Command
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json
from local_llm_kit.cli.terminal import has_colour, note, printable_line
from local_llm_kit.doctor import Finding, Status, examine

_EXAMPLES = """\b
Examples:
  local-llm-kit doctor
  local-llm-kit doctor --no-trial --json
"""

_COLOURS: dict[Status, str] = {"ok": "green", "note": "cyan", "warn": "yellow", "fail": "red"}


@click.command(cls=Command, epilog=_EXAMPLES)
@click.option(
    "--trial/--no-trial",
    default=True,
    help="Let each installed back end answer a question with the bundled model.  [default: do]",
)
@json_option
@click.pass_context
def doctor(ctx: click.Context, /, trial: bool, as_json: bool) -> None:
    """Say what is installed, what is missing, and the command that adds it.

    Ends with 1 if nothing here can run a model.
    """
    if trial and sys.stderr.isatty():
        note("looking around, and trying each back end...")
    found = examine(with_trials=trial)
    if as_json:
        echo_json({"can_run": found.can_run, "findings": [asdict(one) for one in found.findings]})
    else:
        _echo(found.findings)
    if not found.can_run:
        click.echo(
            f"error: nothing here can run a model; {how_to_add('llama')}",
            err=True,
        )
        ctx.exit(1)


def _echo(findings: tuple[Finding, ...]) -> None:
    width = max(len(one.name) for one in findings)
    section = None
    for one in findings:
        if one.section != section:
            section = one.section
            click.echo(section)
        mark = f"{one.status:4}"
        if has_colour(sys.stdout):
            mark = click.style(mark, fg=_COLOURS[one.status], bold=True)
        click.echo(f"  {mark}  {one.name:{width}}  {printable_line(one.text)}")
        if one.fix is not None:
            click.echo(f"  {'':4}  {'':{width}}  -> {printable_line(one.fix)}")
