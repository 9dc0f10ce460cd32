"""`llmring info`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmring.cli import prices
from llmring.cli.command import RingCommand
from llmring.cli.names import complete_alias_or_model
from llmring.cli.options import profile_option, registry_option
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table
from local_llm_kit.cli.terminal import note, printable_line

if TYPE_CHECKING:
    from llmring.lockfile import Pool
    from llmring.service import LLMRing

_EXAMPLES = """\b
Examples:
  llmring info fast
  llmring info openai:gpt-5.5
  llmring info local:tiny --json
"""


@click.command(cls=RingCommand, epilog=_EXAMPLES)
@click.argument("model", metavar="MODEL|ALIAS", shell_complete=complete_alias_or_model)
@profile_option
@registry_option
@json_option
def info(model: str, profile: str | None, registry_url: str | None, as_json: bool) -> None:
    """Show what the registry says of a model, or of the models that an alias lists."""
    import asyncio

    from llmring.service import LLMRing

    ring = LLMRing(origin="llmring info", registry_url=registry_url)
    pool = ring.aliases.pool(model, profile)
    for provider in {one.partition(":")[0] for one in pool.models}:
        asyncio.run(ring.registry.prepare(provider))
    if pool.is_alias:
        _show_alias(ring, pool, as_json)
        return
    found = ring.registry.require(pool.models[0])
    problem = ring.providers.why_unavailable(found.provider)
    if as_json:
        echo_json({**prices.as_json(found), "problem": problem})
        return
    facts = prices.facts(found)
    width = 2 + max(len(heading) for heading, _ in facts)
    for heading, text in facts:
        click.echo(f"{heading:{width}}{printable_line(text)}")
    if problem:
        note(f"({found.provider} is not set up: {problem})")


def _show_alias(ring: LLMRing, pool: Pool, as_json: bool) -> None:
    problems = {
        model: ring.providers.why_unavailable(model.partition(":")[0]) for model in pool.models
    }
    if as_json:
        echo_json(
            {
                "alias": pool.name,
                "profile": pool.profile,
                "lockfile": str(pool.source),
                "models": [_told(ring, model) | {"problem": problems[model]} for model in problems],
            }
        )
        return
    rows = []
    for model, problem in problems.items():
        found = ring.registry.model(model)
        cells = prices.row(found)[1:] if found else ("", "", "not in the registry")
        rows.append((model, *cells, problem or "set up"))
    echo_table((*prices.HEADINGS, "PROVIDER"), rows)
    note(f"(alias {pool.name} in profile {pool.profile} of {pool.source})")


def _told(ring: LLMRing, model: str) -> dict[str, Any]:
    found = ring.registry.model(model)
    # The name as the lockfile has it: the registry may list it by another.
    return {**(prices.as_json(found) if found else {}), "model": model}
