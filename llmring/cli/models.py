"""`llmring list`."""

from __future__ import annotations

import click

from llmring.cli.command import RingCommand
from llmring.cli.names import complete_provider
from llmring.cli.options import registry_option
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table
from local_llm_kit.cli.terminal import note

_EXAMPLES = """\b
Examples:
  llmring list
  llmring list --provider anthropic
  llmring list --provider local --json
"""


@click.command("list", cls=RingCommand, epilog=_EXAMPLES)
@click.option(
    "--provider",
    metavar="NAME",
    shell_complete=complete_provider,
    help="Its models alone; local, ollama and those of the lockfile are asked for them.",
)
@click.option("--all", "with_old", is_flag=True, help="With models that are no longer served.")
@registry_option
@json_option
def list_models(
    provider: str | None, with_old: bool, registry_url: str | None, as_json: bool
) -> None:
    """List models with their prices, by the registry, or by the provider where it can be asked."""
    import asyncio

    from llmring.cli import model_facts
    from llmring.cli.listing import listed

    found, versions = asyncio.run(listed(provider, registry_url))
    shown = [model for model in found if with_old or model.is_active]
    if as_json:
        echo_json([model_facts.as_json(model) for model in shown])
        return
    echo_table(model_facts.HEADINGS, [model_facts.row(model) for model in shown])
    if versions:
        lists = ", ".join(f"{name} {number}" for name, number in versions.items())
        note(f"(lists: {lists})")
