"""`local-llm-kit run`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from LLM.exceptions import LLMResponseError
from local_llm_kit.cli.answerer import LOAD_FOR_ONE, Answerer, Messages, check_place, open_answerer
from local_llm_kit.cli.command import Command
from local_llm_kit.cli.files import read_text, write_text
from local_llm_kit.cli.options import (
    json_option,
    load_options,
    model_option,
    sampling_options,
    take_sampling,
    url_options,
)
from local_llm_kit.cli.pace import Pace
from local_llm_kit.cli.prompt import (
    Schema,
    conversation,
    image_url,
    joined,
    piped_text,
    schema_format,
    user_message,
)
from local_llm_kit.cli.terminal import Output, note

_EXAMPLES = """\b
Examples:
  local-llm-kit run "What is the capital of France?"
  echo "The sky is blue." | local-llm-kit run "Repeat this:"
  local-llm-kit run "Hello!" --system "Be brief." --temperature 0 --max-tokens 20
  local-llm-kit run "Count to three." --json --seed 1
  local-llm-kit run "Who are you?" --schema '{"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}}, "required": ["name"]}'
"""  # noqa: E501 - a line that is copied


@click.command(cls=Command, epilog=_EXAMPLES)
@click.argument("prompt", required=False)
@model_option()
@click.option("-s", "--system", metavar="TEXT", help="What the system message says.")
@click.option(
    "-f",
    "--file",
    "files",
    type=click.Path(path_type=Path),
    multiple=True,
    help="Text to put behind the prompt; may be repeated.",
)
@click.option(
    "--image",
    "images",
    type=click.Path(path_type=Path),
    multiple=True,
    help="An image for models that take them; may be repeated.",
)
@click.option(
    "--schema",
    type=Schema(),
    metavar="FILE|JSON",
    help="JSON schema that the answer follows.",
)
@json_option
@click.option(
    "-o",
    "--output",
    type=click.Path(path_type=Path, allow_dash=True),
    help="Write the answer to a file, whole or not at all.",
)
@click.option("-v", "--verbose", is_flag=True, help="Tell how fast it was, on standard error.")
@sampling_options
@url_options()
@load_options(*LOAD_FOR_ONE)
@click.pass_context
def run(
    ctx: click.Context,
    /,
    prompt: str | None,
    model: str | None,
    system: str | None,
    files: tuple[Path, ...],
    images: tuple[Path, ...],
    schema: dict[str, Any] | None,
    as_json: bool,
    output: Path | None,
    verbose: bool,
    **settings: Any,
) -> None:
    """Answer one prompt on standard output.

    What is piped in is put behind PROMPT; `-` or no PROMPT takes it alone. The answer is written
    as it is made, unless it is JSON or goes to a file.
    """
    check_place(ctx)
    given = "" if prompt in (None, "-") else str(prompt)
    text = joined(given, *map(read_text, files), piped_text())
    if not text and not images:
        raise click.UsageError("there is no prompt; give one, or pipe one in", ctx)
    messages = conversation(system, user_message(text, list(map(image_url, images))))
    arguments = take_sampling(settings)
    if schema is not None:
        arguments["response_format"] = schema_format(schema)
    with open_answerer(model, settings) as answerer:
        if as_json or schema is not None or output is not None:
            whole = _whole_answer(answerer, messages, arguments, as_json, schema is not None)
            _write(output, whole)
        else:
            _stream(answerer, messages, arguments, verbose)


def _whole_answer(
    answerer: Answerer,
    messages: Messages,
    arguments: dict[str, Any],
    as_json: bool,
    must_be_json: bool,
) -> str:
    """The answer's text, or the whole response as JSON.

    :raises LLMResponseError: it was to be JSON, and was cut before its end.
    """
    response = answerer.answer(messages, arguments)
    if must_be_json:
        _check_json(response.text, response.choices[0].finish_reason)
    if as_json:
        return response.model_dump_json(indent=2)
    return response.text


def _check_json(text: str, finish_reason: str | None) -> None:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        cut = finish_reason == "length"
        why = "it was cut at its length; raise --max-tokens" if cut else "the model does not follow"
        raise LLMResponseError(f"the answer is no JSON of --schema: {why}") from None


def _write(output: Path | None, text: str) -> None:
    line = text if text.endswith("\n") else text + "\n"
    if output is None or str(output) == "-":
        Output(sys.stdout).write(line)
    else:
        write_text(output, line)


def _stream(
    answerer: Answerer, messages: Messages, arguments: dict[str, Any], verbose: bool
) -> None:
    out, pace = Output(sys.stdout), Pace()
    with answerer.stream(messages, arguments) as stream:
        for is_thought, text in pace.pieces(stream):
            (out.write_dimly if is_thought else out.write)(text)
        out.end_line()
        reason = stream.response.choices[0].finish_reason
    if reason == "length":
        note("(cut at its length; see --max-tokens and --context-length)")
    if verbose:
        note(f"({answerer.name} · {pace})")
