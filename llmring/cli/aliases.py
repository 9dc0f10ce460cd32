"""`llmring aliases`."""

from __future__ import annotations

import click

from llmring.cli.command import RingCommand
from llmring.cli.options import profile_option
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table
from local_llm_kit.cli.terminal import note

_EXAMPLES = """\b
Examples:
  llmring aliases
  llmring aliases --profile default --json
"""


@click.command(cls=RingCommand, epilog=_EXAMPLES)
@profile_option
@json_option
def aliases(profile: str | None, as_json: bool) -> None:
    """List the lockfile's aliases and their models, the first choice first.

    A model in brackets cannot be asked: `llmring providers` says what its provider lacks.
    """
    from llmring.lockfile import AliasResolver
    from llmring.providers.catalog import ProviderCatalog

    resolver = AliasResolver()
    found, name = resolver.aliases(profile), resolver.profile_name(profile)
    lockfile = resolver.lockfile
    if as_json:
        bound = {alias: list(models) for alias, models in found.items()}
        echo_json({"lockfile": lockfile.name, "profile": name, "aliases": bound})
        return
    providers = ProviderCatalog(lambda: lockfile.providers)

    def shown(model: str) -> str:
        is_available = providers.is_available(model.partition(":")[0].lower())
        return model if is_available else f"({model})"

    echo_table(
        ("ALIAS", "MODELS"),
        [(alias, ", ".join(map(shown, models))) for alias, models in found.items()],
    )
    note(f"(profile {name} of {lockfile.name})")
