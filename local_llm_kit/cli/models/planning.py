"""`local-llm-kit models plan`."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

import click

from LLM.exceptions import LLMConfigError
from local_llm_kit.cli.command import Command, flags_of, in_flags
from local_llm_kit.cli.model_names import complete_model
from local_llm_kit.cli.models.finding import find_here
from local_llm_kit.cli.options import json_option, load_options
from local_llm_kit.cli.tables import echo_json

if TYPE_CHECKING:
    from local_llm_kit.loading import LoadOptions
    from local_llm_kit.memory_plan import MemoryPlan

_EXAMPLES = """\b
Examples:
  local-llm-kit models plan tiny
  local-llm-kit models plan tiny --memory-budget 24MiB --slots 4
  local-llm-kit models plan tiny --context-length 512 --kv-type q8_0 --json
"""


@click.command(cls=Command, epilog=_EXAMPLES)
@click.argument("name", shell_complete=complete_model)
@load_options(
    "memory_budget", "context_length", "n_slots", "kv_type", "cache_bytes", "flash_attention",
    "n_gpu_layers", "backend", "device", "dtype", "quantization", "adapters", "draft_model",
    section="Plan",
)  # fmt: skip
@json_option
@click.pass_context
def plan(ctx: click.Context, /, name: str, as_json: bool, **settings: Any) -> None:
    """Plan the memory that a model takes, from its header.

    Ends with 1 if it does not fit: into the budget, or without one into the memory that is free.
    Then it says what would.
    """
    from local_llm_kit import settings as environment
    from local_llm_kit.loading import LoadOptions

    if environment.backend(settings["backend"]) == "ollama":
        raise LLMConfigError(
            "the memory of a model at an Ollama server is that server's; name a model of its store "
            "as ollama:NAME, and leave --backend and LOCAL_LLM_KIT_BACKEND out"
        )
    find_here(name, settings["backend"])
    options = LoadOptions(offline=True, **settings)
    planned, reason = _planned(name, options)
    if reason is not None:
        reason = in_flags(reason, flags_of(ctx.command))
    if as_json:
        facts = {} if planned is None else asdict(planned) | {"total_bytes": planned.total_bytes}
        echo_json({"fits": reason is None, "reason": reason, **facts})
    elif planned is not None:
        click.echo(planned.table())
    if reason is not None:
        click.echo(f"does not fit: {reason}", err=True)
        ctx.exit(1)


def _planned(name: str, options: LoadOptions) -> tuple[MemoryPlan | None, str | None]:
    """The plan, where there is one, and why it does not fit."""
    from local_llm_kit.loading import plan_model

    try:
        planned = plan_model(name, options)
    except LLMConfigError as err:
        if err.code != "memory_budget":
            raise
        return None, str(err)
    assert planned is not None  # Ollama's models are refused before
    return planned, _beyond_free_memory(name, planned, options)


def _beyond_free_memory(name: str, planned: MemoryPlan, options: LoadOptions) -> str | None:
    """What is to be said of a plan that nobody bounded, when the host has not so much free."""
    from local_llm_kit import devices
    from local_llm_kit.loading import plan_model
    from local_llm_kit.memory_plan import format_bytes

    host = devices.host()
    needed = planned.device_bytes.get("cpu", planned.total_bytes)
    if planned.budget_bytes is not None or host is None or needed <= host.free_bytes:
        return None
    said = f"it takes {format_bytes(needed)} of memory, and {format_bytes(host.free_bytes)} is free"
    try:
        smaller = plan_model(name, replace(options, memory_budget=host.free_bytes))
    except LLMConfigError as err:
        return f"{said}; {err}"
    assert smaller is not None
    return (
        f"{said}; with --memory-budget {host.free_bytes >> 20}MiB it would have a window of "
        f"{smaller.context_length:,} tokens and a cache of {smaller.n_cells:,}"
    )
