"""`llmring aliases`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import click

from llmring.cli.command import RingCommand
from llmring.cli.options import profile_option
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table
from local_llm_kit.cli.terminal import note, printable_line

if TYPE_CHECKING:
    from llmring.lockfile import AliasResolver

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

    Those of packages that it extends are among them. A model in brackets cannot be asked:
    `llmring providers` says what its provider lacks.
    """
    from llmring.lockfile import AliasResolver
    from llmring.providers.catalog import ProviderCatalog

    resolver = AliasResolver()
    name, lockfile = resolver.profile_name(profile), resolver.lockfile
    found = {**resolver.aliases(name), **dict(_of_packages(resolver, name))}
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


def _of_packages(resolver: AliasResolver, profile: str) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The aliases of the packages that the lockfile extends; one that cannot be used is told."""
    from llmring.exceptions import LockfileError
    from llmring.lockfile import load_package
    from llmring.lockfile.pools import profile_of

    for package in resolver.lockfile.extends:
        try:
            theirs = load_package(package)
            name = profile if profile in theirs.profiles else theirs.default_profile
            for binding in profile_of(theirs, name).bindings:
                alias = f"{package}:{binding.alias}"
                yield alias, resolver.pool(alias, profile).models
        except LockfileError as err:
            click.echo(f"warning: {printable_line(err.message)}", err=True)
