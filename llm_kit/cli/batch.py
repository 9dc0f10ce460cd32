"""`llm-kit batch`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from LLM.exceptions import InvalidRequestError, LLMError
from llm_kit.cli.batch_options import JOB_OPTIONS, batch_options, check_choice
from local_llm_kit.cli.command import Command
from local_llm_kit.cli.terminal import note, printable

if TYPE_CHECKING:
    from LLM.batch.output import Output

_EXAMPLES = """\b
Examples:
  llm-kit batch requests.jsonl answers.jsonl --local tiny
  llm-kit batch requests.jsonl answers.jsonl --provider openai --dry-run
  llm-kit batch questions.csv answers.csv --base-url http://127.0.0.1:8000 --model tiny
  llm-kit batch requests.jsonl answers.jsonl --provider openai --engine provider
"""


class BatchCommand(Command):
    """The command, which tells of an interrupted job how it goes on."""

    extras = "batch,llama"

    def run(self, ctx: click.Context) -> None:
        """Run it, as one that can be interrupted."""
        try:
            super().run(ctx)
        except KeyboardInterrupt:
            click.echo(f"interrupted; {_goes_on(ctx)}", err=True)
            ctx.exit(130)

    def report(self, error: LLMError, problem: str) -> None:
        """Say what ended the job and, where it has begun, how it goes on."""
        super().report(error, problem)
        from LLM.batch.exceptions import BatchOutputError

        ctx = click.get_current_context(silent=True)
        # What was found before anything was sent leaves nothing to go on with, and what is wrong
        # with the output says itself what to do.
        is_told = isinstance(error, (InvalidRequestError, BatchOutputError))
        if ctx is not None and ctx.meta.get(_BEGUN) and not is_told:
            click.echo(_goes_on(ctx), err=True)


#: Set in the context's `meta` once requests may have been answered.
_BEGUN = "llm_kit.batch.begun"


def _goes_on(ctx: click.Context) -> str:
    output = ctx.params.get("output")
    if output is None or ctx.params.get("dry_run"):
        return "nothing was sent"
    if str(output) == "-":
        return "nothing was kept: name a file as OUT, and a job can go on where it was"
    if ctx.params.get("engine") == "provider":
        return (
            "what was handed over goes on at the provider: the same command comes back for it, "
            "and with --cancel ends it"
        )
    return f"what has ended is kept; run the same command to go on with {str(output)!r}"


@click.command(cls=BatchCommand, epilog=_EXAMPLES)
@click.argument("requests", metavar="IN", type=click.Path(path_type=Path, allow_dash=True))
@click.argument(
    "output", metavar="OUT", required=False, type=click.Path(path_type=Path, allow_dash=True)
)
@batch_options
@click.pass_context
def batch(
    ctx: click.Context,
    /,
    requests: Path,
    output: Path | None,
    as_json: bool,
    cancel: bool,
    **settings: Any,
) -> None:
    """Answer a file of requests.

    IN has a request a line, in the format of OpenAI's batches; .csv and .parquet are tables, with
    a request a row. `-` is standard input. OUT gets the answers, each as it ends; what fails goes
    into a file beside it. The same command again goes on where it was. To `-`, standard output,
    all goes at the end, and nothing is kept of a job that is interrupted.
    """
    check_choice(ctx)
    if output is None and not settings["dry_run"]:
        raise click.UsageError("there is no OUT; name the file of the answers", ctx)
    is_piped = str(output) == "-"
    if as_json and is_piped:
        raise click.UsageError("--json and the answers cannot both be on standard output", ctx)
    if is_piped and settings["engine"] == "provider":
        raise click.UsageError("--engine provider takes up to a day; name a file as OUT", ctx)
    # Imported here: help does without.
    from llm_kit.cli.batch_answerer import Answerers
    from llm_kit.cli.batch_files import opened_files
    from llm_kit.cli.batch_report import failures, report_json

    job = {name: settings.pop(name) for name in JOB_OPTIONS}
    answerers = Answerers(job, settings)
    with opened_files(requests, output, ctx.params) as files, answerers.open() as client:
        if cancel:
            _cancel(client, files.output)
            return
        ctx.meta[_BEGUN] = not job["dry_run"]
        report = files.told(client.batch(files.source, files.output, **answerers.job))
    if as_json:
        click.echo(report_json(report))
    else:
        click.echo(printable(str(report)), err=is_piped)
    for model in answerers.unpriced:
        note(f"no price is known for {model!r}, so the cost cannot be told")
    if report.n_failed:
        click.echo(printable(failures(report)), err=True)
        ctx.exit(1)


def _cancel(client: Any, output: Output | Path) -> None:
    """End a job's batches, and say which. :param client: has a batch endpoint."""
    ids = client.cancel_batch(output)
    if ids:
        click.echo(printable(f"cancelled {', '.join(ids)}"))
        click.echo("the same command without --cancel fetches what is answered", err=True)
    else:
        click.echo("there is no batch of this job at the provider", err=True)
