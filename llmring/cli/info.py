"""`llmring info`."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from llmring.cli import model_facts
from llmring.cli.command import RingCommand
from llmring.cli.names import complete_alias_or_model
from llmring.cli.options import profile_option, registry_option
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table
from local_llm_kit.cli.terminal import note, printable_line

if TYPE_CHECKING:
    from llmring.cli.lookup import Found, FoundPool

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

    from llmring.cli.lookup import look_up

    found = asyncio.run(look_up(model, profile, registry_url))
    if found.profile is not None:
        _show_alias(found, as_json)
    else:
        _show_model(found.models[0], as_json)


def _show_model(found: Found, as_json: bool) -> None:
    if as_json:
        echo_json(_told(found))
        return
    assert found.listed is not None  # one that is not listed was an error
    facts = model_facts.facts(found.listed)
    width = 2 + max(len(heading) for heading, _ in facts)
    for heading, text in facts:
        click.echo(f"{heading:{width}}{printable_line(text)}")
    if found.problem:
        note(f"({found.model.partition(':')[0]} is not set up: {found.problem})")


def _show_alias(found: FoundPool, as_json: bool) -> None:
    if as_json:
        models = [_told(model) for model in found.models]
        source = None if found.source is None else str(found.source)
        echo_json(
            {"alias": found.name, "profile": found.profile, "lockfile": source, "models": models}
        )
        return
    rows = []
    for one in found.models:
        cells = model_facts.row(one.listed)[1:] if one.listed else ("", "", "not in the registry")
        rows.append((one.model, *cells, one.problem or "set up"))
    echo_table((*model_facts.HEADINGS, "PROVIDER"), rows)
    note(f"(alias {found.name} in profile {found.profile} of {found.source})")


def _told(found: Found) -> dict[str, Any]:
    said = model_facts.as_json(found.listed) if found.listed else {}
    # The name as it was asked for: the registry may list it by another.
    return {**said, "model": found.model, "problem": found.problem}
