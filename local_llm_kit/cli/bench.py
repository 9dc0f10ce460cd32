"""`local-llm-kit bench`."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from LLM._version import __version__
from LLM.exceptions import LLMConfigError, LLMServerError
from local_llm_kit import devices
from local_llm_kit.cli.answerer import LOAD_FOR_ONE, Answerer, check_place, open_answerer
from local_llm_kit.cli.bench_runs import Level, Load, Spread, measure, prompt
from local_llm_kit.cli.command import Command
from local_llm_kit.cli.options import json_option, load_options, model_option, url_options
from local_llm_kit.cli.tables import echo_json, table
from local_llm_kit.cli.terminal import printable_line
from local_llm_kit.memory_plan import format_bytes

if TYPE_CHECKING:
    from collections.abc import Callable

_EXAMPLES = """\b
Examples:
  local-llm-kit bench
  local-llm-kit bench --callers 1 --callers 4 --prompt 128 --generate 32
  local-llm-kit bench --runs 1 --prompt 64 --generate 16 --json
"""
_MAX_CALLERS = 64
_HEADINGS = ("callers", "prompt", "answer", "prompt tokens/s", "answer tokens/s", "first token, s")


@click.command(cls=Command, epilog=_EXAMPLES)
@model_option()
@click.option(
    "-c",
    "--callers",
    type=click.IntRange(1, _MAX_CALLERS),
    multiple=True,
    default=(1, 2, 4, 8),
    show_default=True,
    metavar="N",
    help="Callers that ask at the same moment; may be repeated.",
)
@click.option(
    "-p",
    "--prompt",
    "n_prompt",
    type=click.IntRange(16, 1 << 20),
    default=256,
    show_default=True,
    metavar="TOKENS",
    help="About how long each prompt is.",
)
@click.option(
    "-g",
    "--generate",
    "n_generated",
    type=click.IntRange(2, 1 << 20),
    default=64,
    show_default=True,
    metavar="TOKENS",
    help="How long each answer is.",
)
@click.option(
    "-r",
    "--runs",
    "n_runs",
    type=click.IntRange(1, 100),
    default=5,
    show_default=True,
    metavar="N",
    help="Runs of each, of which the median counts.",
)
@json_option
@url_options()
@load_options(*LOAD_FOR_ONE)
@click.pass_context
def bench(
    ctx: click.Context,
    /,
    model: str | None,
    callers: tuple[int, ...],
    n_prompt: int,
    n_generated: int,
    n_runs: int,
    as_json: bool,
    **settings: Any,
) -> None:
    """Measure how fast a model reads and writes, for one caller and for several at once.

    Reading is measured with long prompts and answers of one token, writing with short prompts and
    long answers. No cache helps, since prompts are new in every run. A model in this process is
    kept from ending its answers; a server's ends them where it will. Each figure is the median of
    the runs, the least and the most beside it.
    """
    check_place(ctx)
    if settings["url"] is None:
        settings["n_slots"] = max(callers)
    with open_answerer(model, settings) as answerer:
        load = _load(answerer, n_prompt, n_generated)
        with _counter(2 * len(callers) * (n_runs + 1)) as ran:
            levels = [measure(answerer, load, n, n_runs, ran) for n in callers]
        facts = _facts(answerer, settings["url"], n_runs)
    if as_json:
        echo_json({**facts, "levels": [level.to_dict() for level in levels]})
    else:
        click.echo(_table(facts, levels))


def _load(answerer: Answerer, n_prompt: int, n_generated: int) -> Load:
    """What callers ask for, as near to the wanted tokens as words come.

    :raises LLMConfigError: it does not fit the window.
    """
    window = answerer.context_length
    if window is not None and n_prompt + n_generated > window:
        raise LLMConfigError(
            f"--prompt {n_prompt} and --generate {n_generated} do not fit the model's window of "
            f"{window} tokens; give less, or raise --context-length"
        )
    arguments: dict[str, Any] = {"temperature": 0.8}
    if answerer.end_tokens:
        arguments["logit_bias"] = {str(token): -100 for token in answerer.end_tokens}
    sample = [{"role": "user", "content": prompt(200)}]
    n_sample = answerer.count_tokens(sample)
    if n_sample is None:
        usage = answerer.answer(sample, {"max_tokens": 1}).usage
        n_sample = usage.prompt_tokens if usage else 0
    if not n_sample:
        raise LLMServerError("the server counts no tokens; only one that does can be measured")
    return Load(max(1, round(200 * n_prompt / n_sample)), n_generated, arguments)


@contextmanager
def _counter(n_runs: int) -> Iterator[Callable[[], None]]:
    """Counts runs on a terminal's standard error."""
    if not sys.stderr.isatty():
        yield lambda: None
        return
    with click.progressbar(length=n_runs, label="measuring", file=sys.stderr) as bar:
        yield lambda: bar.update(1)


def _facts(answerer: Answerer, url: str | None, n_runs: int) -> dict[str, Any]:
    """What the figures hold for."""
    return {
        "model": answerer.name,
        "url": url,
        "version": __version__,
        "machine": platform.machine(),
        "cores": os.cpu_count(),
        "runs": n_runs,
        # A server's memory is not this process's.
        "resident_bytes": devices.resident_bytes() if url is None else None,
    }


def _table(facts: dict[str, Any], levels: list[Level]) -> str:
    rows = [
        (
            str(level.callers),
            f"{level.n_prompt:.0f}",
            f"{level.n_generated:.0f}",
            _shown(level.prompt_per_s, ".0f"),
            _shown(level.generated_per_s, ".0f"),
            _shown(level.first_s, ".3f"),
        )
        for level in levels
    ]
    memory = facts["resident_bytes"]
    where = facts["url"] or f"{facts['cores']} cores, {facts['machine']}"
    about = [f"{facts['model']} at {where}, llm-kit {facts['version']}, median of {facts['runs']}"]
    if memory is not None:
        about.append(f"{format_bytes(memory)} resident")
    return "\n".join([printable_line(", ".join(about)), *table(_HEADINGS, rows, numbers=True)])


def _shown(spread: Spread, form: str) -> str:
    return f"{spread.median:{form}} ({spread.least:{form}}–{spread.most:{form}})"
