"""`llmring bind`."""

from __future__ import annotations

import os

import click

from llmring.cli.command import RingCommand
from llmring.cli.names import complete_alias, complete_models
from llmring.cli.options import profile_option
from local_llm_kit.cli.terminal import note, printable_line

_EXAMPLES = """\b
Examples:
  llmring bind fast local:tiny
  llmring bind summarizer anthropic:claude-haiku-5-5,openai:gpt-6-luna,local:tiny
  llmring bind assistant openai:gpt-6-luna local:tiny --profile dev
"""


@click.command(cls=RingCommand, epilog=_EXAMPLES)
@click.argument("alias", shell_complete=complete_alias)
@click.argument(
    "models", nargs=-1, required=True, metavar="MODEL[,MODEL]...", shell_complete=complete_models
)
@profile_option
def bind(alias: str, models: tuple[str, ...], profile: str | None) -> None:
    """Bind ALIAS to models, the first choice first, in place of those it has.

    The lockfile is ./llmring.lock, or the one that LLMRING_LOCKFILE_PATH names; where there is
    none it is made, with the aliases that work without it. A profile that is not there is made.
    """
    from llmring.lockfile import editing, locate
    from llmring.lockfile.resolution import PROFILE_VARIABLE

    location = locate()
    pool = [model for one in models for model in one.split(",")]
    is_new = not os.path.lexists(location.target)
    # Changed where it is read: the variable counts here as it does in a call.
    chosen = profile or os.environ.get(PROFILE_VARIABLE) or None
    with editing(location) as document:
        document.bind(alias, pool, chosen)
    name = chosen or document.lockfile.default_profile
    found = document.lockfile.profiles[name].binding(alias)
    bound = found.models if found else ()
    text = f"{alias} is {', '.join(bound)} in profile {name} of {location.target}"
    click.echo(printable_line(text + (", which is new" if is_new else "")))
    for model in bound:
        _note_unknown(model, [*document.lockfile.providers])


def _note_unknown(model: str, further_providers: list[str]) -> None:
    """Say where nobody knows a model: it may be new, or misspelt."""
    from llmring.lockfile import BUILTIN_PROVIDERS
    from llmring.lockfile.names import suggestion
    from llmring.registry import Registry

    provider, registry = model.partition(":")[0], Registry()
    if provider not in (*BUILTIN_PROVIDERS, *further_providers):
        hint = suggestion(provider, [*BUILTIN_PROVIDERS, *further_providers])
        note(f"note: no provider {provider!r} is known{hint or ' here'}")
    elif provider in registry.providers and registry.model(model) is None:
        near = registry.near(model, 1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        note(f"note: the registry does not list {model!r}{hint}")
