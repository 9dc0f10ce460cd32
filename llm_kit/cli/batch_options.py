"""Options of `llm-kit batch`, and which of them go together."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from llm_kit.cli.endpoint import PROVIDERS
from local_llm_kit.cli.command import Option
from local_llm_kit.cli.model_names import complete_model
from local_llm_kit.cli.options import given, load_options
from local_llm_kit.cli.quantities import Duration

#: Options that are a job's own: `BatchOptions` by their names.
JOB_OPTIONS = (
    "errors", "engine", "concurrency", "limit", "keep_order", "deduplicate", "retry_errors",
    "dry_run", "progress", "max_cost",
)  # fmt: skip

#: How a model in this process is loaded.
LOCAL_OPTIONS = (
    "backend", "context_length", "n_slots", "threads", "memory_budget", "n_gpu_layers", "device",
    "offline",
)  # fmt: skip

#: What only calls over HTTP have, and what only some engines have, by their parameters.
_REMOTE_ONLY = (
    "base_url", "provider", "model", "rpm", "tpm", "max_retries", "max_cost", "cache",
)  # fmt: skip
_OPENAI_ONLY = ("rpm", "tpm", "cache")
_RAY_ONLY = ("address", "workers", "num_gpus")
_NOT_WITH_PROVIDERS = ("rpm", "tpm", "cache", "timeout")


def _option(section: str, *names: str, **attrs: Any) -> Callable[[Any], Any]:
    return click.option(*names, cls=Option, section=section, **attrs)


_WHO, _HOW, _RAY, _MODEL = "Who answers", "How it is asked", "Ray", "Local model"
_OPTIONS = [
    _option("Options", "--errors", type=click.Path(path_type=Path), metavar="FILE",
        help="File of what failed for good.  [default: OUT with .errors in its name]"),
    _option("Options", "--order", "keep_order", is_flag=True,
        help="Have OUT in the order of IN; it is then made at the end."),
    _option("Options", "--limit", type=click.IntRange(1), metavar="N",
        help="Answer the first N requests only; without it the same command does the rest."),
    _option("Options", "--dedupe", "deduplicate", is_flag=True,
        help="Answer requests of the same words once."),
    _option("Options", "--retry-errors", is_flag=True,
        help="Ask again what failed for good in an earlier run."),
    _option("Options", "--dry-run", is_flag=True,
        help="Check everything, count tokens and cost, and send nothing."),
    _option("Options", "--cancel", is_flag=True,
        help="End a job of --engine provider: what is answered already, the same command without"
        " it fetches."),
    _option("Options", "--progress/--no-progress", default=None,
        help="Show how far it is; into a file, a line every ten seconds."
        "  [default: on a terminal]"),
    _option("Options", "--json", "as_json", is_flag=True, help="Write the report as JSON."),
    _option(_WHO, "--base-url", metavar="URL", multiple=True,
        help="A server with OpenAI's API, or the provider's; with --engine ray several that are"
        " alike.  [default: OPENAI_BASE_URL, else http://127.0.0.1:8000]"),
    _option(_WHO, "--provider", type=click.Choice(tuple(PROVIDERS)),
        help="Ask this provider, by the key in OPENAI_API_KEY, ANTHROPIC_API_KEY, GEMINI_API_KEY"
        " or GROQ_API_KEY."),
    _option(_WHO, "--local", metavar="MODEL", shell_complete=complete_model,
        help="Load a model into this process: tiny, a path, a repository, ollama:NAME."),
    _option(_WHO, "--model", metavar="NAME", help="For requests that name no model."),
    _option(_WHO, "--override-model", is_flag=True,
        help="Ask --model, or that of --local, whatever model a request names."),
    _option(_WHO, "--engine", type=click.Choice(("threads", "ray", "provider")),
        default="threads", show_default=True,
        help="Call from this process, from a Ray cluster, or hand the job to the provider's own"
        " batch endpoint, which takes up to a day and half the price."),
    _option(_HOW, "--concurrency", type=click.IntRange(1), metavar="N",
        help="Most requests at a time.  [default: 64; a local model's slots twice]"),
    _option(_HOW, "--rpm", type=click.FloatRange(0, min_open=True), metavar="N",
        help="Most requests a minute."),
    _option(_HOW, "--tpm", type=click.FloatRange(0, min_open=True), metavar="N",
        help="Most tokens a minute, of prompts and answers together."),
    _option(_HOW, "--max-retries", type=click.IntRange(0, 100), metavar="N",
        help="Further tries of a request that meets a passing trouble.  [default: 3]"),
    _option(_HOW, "--max-cost", type=click.FloatRange(0, min_open=True), metavar="USD",
        help="Begin no request that may pass so many dollars, spent in this run and in flight."
        " What max_tokens bounds is held for in full; what nothing bounds, at the mean so far, and"
        " can pass it."),
    _option(_HOW, "--timeout", type=Duration(),
        help="Longest time for a try: 90, 5m, 1h.  [default: 10m; forever for --local]"),
    _option(_HOW, "--cache", type=click.Path(path_type=Path), metavar="FILE",
        help="Keep answers in a file, and send no request that is answered there."),
    _option(_RAY, "--address", metavar="HOST:PORT",
        help="A running cluster; auto for this machine's.  [default: one on this machine]"),
    _option(_RAY, "--workers", type=click.IntRange(1), metavar="N",
        help="Processes that answer.  [default: one a machine, or a GPU]"),
    _option(_RAY, "--gpus", "num_gpus", type=click.FloatRange(0), metavar="N",
        help="GPUs that each of them gets.  [default: 0]"),
]  # fmt: skip


def batch_options(function: Any) -> Any:
    """All options of the command."""
    function = load_options(*LOCAL_OPTIONS, section=_MODEL)(function)
    for option in reversed(_OPTIONS):
        function = option(function)
    return function


def check_choice(ctx: click.Context) -> None:
    """Refuse options that have no effect beside others.

    :raises click.UsageError: names them.
    """
    params = ctx.params
    engine, is_local = params["engine"], params["local"] is not None
    if is_local:
        _refuse(ctx, _REMOTE_ONLY, "is for servers; leave it out with --local")
        if engine == "provider":
            raise click.UsageError("--engine provider is for providers; leave out --local", ctx)
    else:
        _refuse(ctx, LOCAL_OPTIONS, "says how a model is loaded; give --local MODEL with it")
        if given(ctx, {"timeout": None}) and params["timeout"] is None:
            raise click.UsageError("--timeout forever is for --local; give at most 24h", ctx)
    if engine != "ray":
        _refuse(ctx, _RAY_ONLY, "needs --engine ray")
        if len(params["base_url"]) > 1:
            raise click.UsageError("several --base-url need --engine ray", ctx)
    else:
        _refuse(ctx, ("cache",), "is not for --engine ray, whose workers share no file")
    if engine == "provider":
        _refuse(ctx, _NOT_WITH_PROVIDERS, "is not for --engine provider, which waits by itself")
        if params["cancel"] and params["dry_run"]:
            raise click.UsageError("--cancel and --dry-run do not go together", ctx)
    elif params["cancel"]:
        raise click.UsageError("--cancel is for --engine provider; Ctrl-C ends other jobs", ctx)
    provider = params["provider"]
    if provider is not None and PROVIDERS[provider].client is not None:
        _refuse(ctx, _OPENAI_ONLY, f"is not for --provider {provider}")
        if engine == "ray":
            raise click.UsageError(
                f"--engine ray asks servers with OpenAI's API, which {provider}'s is not", ctx
            )
    if params["override_model"] and params["model"] is None and not is_local:
        raise click.UsageError("--override-model needs --model NAME", ctx)


def _refuse(ctx: click.Context, names: tuple[str, ...], why: str) -> None:
    if flags := given(ctx, dict.fromkeys(names)):
        raise click.UsageError(f"{flags[0]} {why}", ctx)
