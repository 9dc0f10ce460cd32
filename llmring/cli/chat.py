"""`llmring chat`."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING, Any

import click

from llmring.cli.command import RingCommand
from llmring.cli.names import complete_alias_or_model
from llmring.cli.notes import attempt_lines
from llmring.cli.options import profile_option
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.prompt import (
    Schema,
    conversation,
    joined,
    piped_text,
    schema_format,
    user_message,
)
from local_llm_kit.cli.tables import echo_json
from local_llm_kit.cli.terminal import Output, note

if TYPE_CHECKING:
    from llmring.schemas import LLMResponse

_EXAMPLES = """\b
Examples:
  llmring chat "What is the capital of France?"
  echo "The sky is blue." | llmring chat "Repeat this:"
  llmring chat "Hello!" --system "Be brief." --temperature 0 --max-tokens 20
  llmring chat "Hello!" --model local:tiny --json
  llmring chat "Who are you?" --schema '{"type": "object", "properties": {"name": {"type": "string", "maxLength": 20}}, "required": ["name"]}'
"""  # noqa: E501 - a line that is copied


@click.command(cls=RingCommand, epilog=_EXAMPLES)
@click.argument("message", required=False)
@click.option(
    "-m",
    "--model",
    metavar="ALIAS|MODEL",
    shell_complete=complete_alias_or_model,
    help="An alias of the lockfile, or provider:model.  [default: the alias fast, or the profile's"
    " first]",
)
@click.option("-s", "--system", metavar="TEXT", help="What the system message says.")
@click.option(
    "-t",
    "--temperature",
    type=click.FloatRange(0, 2),
    metavar="X",
    help="0 takes the likeliest words.  [default: the provider's]",
)
@click.option(
    "-n",
    "--max-tokens",
    type=click.IntRange(1),
    metavar="TOKENS",
    help="Longest answer.  [default: the provider's]",
)
@profile_option
@click.option(
    "--schema",
    type=Schema(),
    metavar="FILE|JSON",
    help="JSON schema that the answer follows.",
)
@click.option(
    "--stream/--no-stream",
    "is_streamed",
    default=None,
    help="Write the answer as it arrives, or when it is whole.  [default: as it arrives]",
)
@json_option
@click.option(
    "-v", "--verbose", is_flag=True, help="Tell models, tokens, cost and time, on standard error."
)
@click.pass_context
def chat(
    ctx: click.Context,
    /,
    message: str | None,
    model: str | None,
    system: str | None,
    profile: str | None,
    schema: dict[str, Any] | None,
    is_streamed: bool | None,
    as_json: bool,
    verbose: bool,
    **fields: Any,
) -> None:
    """Ask a model, and have its answer on standard output.

    What is piped in is put behind MESSAGE; `-` or no MESSAGE takes it alone. Models of an alias
    that fail make way for the next.
    """
    if is_streamed and (as_json or schema is not None):
        other = "--json" if as_json else "--schema"
        raise click.UsageError(f"--stream and {other} exclude each other: that is told whole", ctx)
    given = "" if message in (None, "-") else str(message)
    text = joined(given, piped_text())
    if not text:
        raise click.UsageError("there is no message; give one, or pipe one in", ctx)
    if schema is not None:
        fields["response_format"] = schema_format(schema)
    messages = conversation(system, user_message(text))
    from llmring.cli.question import Question, answer, write_answer  # loads the service

    began = time.monotonic()
    question = Question(model, profile, messages, fields)
    if as_json or schema is not None or is_streamed is False:
        response = answer(question)
        _write(response, as_json)
    else:
        response = write_answer(question)
    _tell(response, time.monotonic() - began, verbose)


def _write(response: LLMResponse, as_json: bool) -> None:
    if not as_json:
        out = Output(sys.stdout)
        out.write(response.content)
        out.end_line()
        return
    told = {
        "content": response.content,
        "model": response.model,
        "finish_reason": response.finish_reason,
        "usage": response.usage,
        "cost": (response.usage or {}).get("cost"),
        "attempts": response.attempts,
    }
    further = {"parsed": response.parsed, "reasoning": response.reasoning}
    echo_json(told | {name: value for name, value in further.items() if value is not None})


def _tell(response: LLMResponse, seconds: float, verbose: bool) -> None:
    """What is to be known of an answer beside its text."""
    if not response.content:
        note("(the model answered with no text)")
    if response.finish_reason == "length":
        note("(cut at its length; see --max-tokens)")
    if verbose:
        for line in attempt_lines(response.attempts[:-1]):
            note(f"({line})")
        note(f"({response.model} · {_spent(response.usage)} · {seconds:.2f} s)")


def _spent(usage: dict[str, Any]) -> str:
    """Tokens and dollars of an answer."""
    if usage.get("cost_status") == "no_usage":
        return "tokens not told"
    tokens = f"{usage.get('prompt_tokens', 0):,} + {usage.get('completion_tokens', 0):,} tokens"
    cost = usage.get("cost")
    if cost is None:
        return f"{tokens} · cost not known ({usage.get('cost_status')})"
    return f"{tokens} · ${cost:.6f}"
