"""`llmring lock check` and `llmring lock validate`."""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path

import click

from LLM.exceptions import LLMError
from llmring.cli.command import RingCommand
from llmring.cli.options import path_option
from local_llm_kit.cli.command import flags_of, in_flags
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json
from local_llm_kit.cli.terminal import printable_line

_CHECK_EXAMPLES = """\b
Examples:
  llmring lock check
  llmring lock check --json
"""

_VALIDATE_EXAMPLES = """\b
Examples:
  llmring lock validate
  llmring lock validate --path llmring.lock --json
"""


def existing(lockfile_path: str | None) -> Path:
    """The lockfile that is named, or that is here.

    :raises LockfileError: there is none.
    """
    from llmring.lockfile import locate
    from llmring.lockfile.reading import problem

    location = locate(lockfile_path)
    if location.named_by is None and not os.path.lexists(location.target):
        raise problem(location.target, "is not there; make it (llmring lock init)", code="missing")
    return location.readable()


@click.command(cls=RingCommand, epilog=_CHECK_EXAMPLES)
@path_option
@json_option
@click.pass_context
def check(ctx: click.Context, /, lockfile_path: str | None, as_json: bool) -> None:
    """Check that the lockfile and the packages it extends can be used.

    It ends with 0 when they can, 1 when a package cannot, 2 when the lockfile cannot be read.
    """
    from llmring.lockfile import Check
    from llmring.lockfile import check as checked

    try:
        lockfile = existing(lockfile_path)
        result = checked(lockfile)
    except LLMError as err:
        result = Check(2, {}, {}, in_flags(err.message, flags_of(ctx.command)))
    if as_json:
        echo_json(asdict(result))
        ctx.exit(result.exit_code)
    for package, aliases in result.packages.items():
        names = ", ".join(f"{package}:{alias}" for alias in aliases) or "no aliases"
        click.echo(printable_line(f"{package}: {names}"))
    for package, reason in result.problems.items():
        click.echo(printable_line(f"error: package {package!r}: {reason}"), err=True)
    if result.error is not None:
        click.echo(printable_line(f"error: {result.error}"), err=True)
    if result.exit_code == 0:
        click.echo(printable_line(f"{lockfile} can be used"))
    ctx.exit(result.exit_code)


@click.command(cls=RingCommand, epilog=_VALIDATE_EXAMPLES)
@path_option
@json_option
@click.pass_context
def validate(ctx: click.Context, /, lockfile_path: str | None, as_json: bool) -> None:
    """Say all that is wrong with the lockfile, by its lines.

    It ends with 1 where there is an error, with 0 where there are warnings at most.
    """
    from llmring.lockfile import validate as validated

    lockfile = existing(lockfile_path)
    findings = validated(lockfile)
    n_errors = sum(finding.severity == "error" for finding in findings)
    if as_json:
        echo_json([asdict(finding) for finding in findings])
    else:
        for finding in findings:
            click.echo(printable_line(f"{lockfile}: {finding}"))
        if not findings:
            click.echo(printable_line(f"{lockfile}: nothing is wrong"))
    ctx.exit(1 if n_errors else 0)
