"""`llmring lock bump-registry`."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import click

from llmring.cli.command import RingCommand
from llmring.cli.lock.checking import existing
from llmring.cli.model_facts import price
from llmring.cli.options import path_option, profile_option, registry_option
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json
from local_llm_kit.cli.terminal import note, printable_line

if TYPE_CHECKING:
    from llmring.lockfile import Profile
    from llmring.registry import Drift, Registry

_EXAMPLES = """\b
Examples:
  llmring lock bump-registry
  llmring lock bump-registry --profile default --json
"""


@dataclass(frozen=True, slots=True)
class Bump:
    """A provider's list, as it is pinned from now on.

    :param before: the number that was pinned; None for none.
    :param now: None where the registry that was named has no list, so that nothing is pinned.
    :param drift: what has changed since; None where nothing was pinned, or it cannot be told.
    :param problem: why it cannot be told, or nothing is pinned.
    """

    provider: str
    before: int | None
    now: int | None
    drift: Drift | None = None
    problem: str | None = None


@click.command("bump-registry", cls=RingCommand, epilog=_EXAMPLES)
@profile_option
@path_option
@registry_option
@json_option
def bump_registry(
    profile: str | None, lockfile_path: str | None, registry_url: str | None, as_json: bool
) -> None:
    """Pin the registry's lists as they are now, and say what has changed since the last time.

    Those of the providers that the profile's aliases use are pinned.
    """
    import asyncio

    from llmring.lockfile import AliasResolver, editing
    from llmring.lockfile.pools import profile_of
    from llmring.registry import Registry

    resolver = AliasResolver(existing(lockfile_path))
    name = resolver.profile_name(profile)
    found = profile_of(resolver.lockfile, name)
    registry = Registry(registry_url)
    bumps = asyncio.run(_bumps(found, registry, is_named=registry_url is not None))
    with editing(resolver.location) as document:
        for bump in bumps:
            if bump.now is not None:
                document.pin(bump.provider, bump.now, name)
    if as_json:
        echo_json({"lockfile": resolver.lockfile.name, "profile": name, "pins": _json(bumps)})
        return
    for bump in bumps:
        for line in _lines(bump):
            click.echo(printable_line(line))
    if not bumps:
        click.echo(f"profile {name} uses no provider whose models a registry lists")
    note(f"(profile {name} of {resolver.lockfile.name})")


async def _bumps(profile: Profile, registry: Registry, *, is_named: bool) -> list[Bump]:
    """What is to be pinned.

    :param is_named: whether a registry is named; the bundled lists' numbers are not its own.
    :raises RegistryError: it cannot be read, or has none of the lists.
    """
    from llmring.exceptions import RegistryError
    from llmring.registry.store import OWN_MACHINES

    bumps = []
    for provider in _providers(profile):
        now, before = registry.version(provider), profile.registry_versions.get(provider)
        if provider in OWN_MACHINES or (now is None and not is_named):
            continue  # nobody numbers their lists
        try:
            if is_named:
                now = (await registry.refresh(provider)).version
        except RegistryError as err:
            if err.status_code != 404:
                raise
            if now is not None:
                bumps.append(Bump(provider, before, None, problem=err.message))
            continue
        if now is None or before in (None, now):
            problem = None if now is not None else "the registry's list has no version"
            bumps.append(Bump(provider, before, now, problem=problem))
            continue
        try:
            bumps.append(Bump(provider, before, now, await registry.drift(provider, before)))
        except RegistryError as err:
            bumps.append(Bump(provider, before, now, problem=err.message))
    if bumps and all(bump.now is None for bump in bumps):
        problems = "; ".join(filter(None, (bump.problem for bump in bumps)))
        raise RegistryError(f"nothing can be pinned: {problems}")
    return bumps


def _providers(profile: Profile) -> list[str]:
    """The providers that a profile's aliases use, in order."""
    models = [model for binding in profile.bindings for model in binding.models]
    return sorted({model.partition(":")[0].lower() for model in models})


def _json(bumps: list[Bump]) -> list[dict[str, Any]]:
    return [
        {
            "provider": bump.provider,
            "pinned_before": bump.before,
            "pinned_now": bump.now,
            "drift": bump.drift.to_dict() if bump.drift else None,
            "problem": bump.problem,
        }
        for bump in bumps
    ]


def _lines(bump: Bump) -> Iterator[str]:
    if bump.now is None:
        yield f"{bump.provider}: not pinned: {bump.problem}"
        return
    if bump.before is None:
        yield f"{bump.provider}: pinned {bump.now}, the first time"
    elif bump.before == bump.now:
        yield f"{bump.provider}: {bump.now}, as before"
    else:
        yield f"{bump.provider}: pinned {bump.now}, was {bump.before}"
    if bump.problem:
        yield f"  what has changed cannot be told: {bump.problem}"
    if bump.drift is None:
        return
    if not bump.drift.has_drift:
        yield "  no model and no price has changed"
    for model in bump.drift.added_models:
        yield f"  new: {model}"
    for model in bump.drift.removed_models:
        yield f"  gone: {model}"
    for change in bump.drift.price_changes:
        what = change.price.replace("_", " ")
        yield f"  {change.model}: $/M {what} {price(change.pinned)}, now {price(change.current)}"
