"""Names that the shell completes. Where they cannot be told there are none: it shows no errors."""

from __future__ import annotations

import contextlib

import click

from LLM.exceptions import LLMError
from llmring.cli.environment import load_env


def complete_alias(ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Aliases of the profile in use that begin so."""
    return _begun(incomplete, _aliases(ctx))


def complete_profile(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Profiles of the lockfile that begin so."""
    from llmring.lockfile import find, load

    load_env(warn=lambda _: None)
    with contextlib.suppress(LLMError):
        return _begun(incomplete, list(load(find()).profiles))
    return []


def complete_provider(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Providers, those of the lockfile too, that begin so."""
    from llmring.lockfile import BUILTIN_PROVIDERS, find, load

    load_env(warn=lambda _: None)
    further: list[str] = []
    with contextlib.suppress(LLMError):
        further = list(load(find()).providers)
    return _begun(incomplete, [*BUILTIN_PROVIDERS, *further])


def complete_models(_ctx: click.Context, _param: click.Parameter, incomplete: str) -> list[str]:
    """Models that the registry lists and that begin so; the last of several with commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _begun(last, _models())]


def complete_alias_or_model(
    ctx: click.Context, _param: click.Parameter, incomplete: str
) -> list[str]:
    """Aliases, then models, that begin so."""
    return _begun(incomplete, [*_aliases(ctx), *_models()])


def model_named(name: str) -> str | None:
    """The model that a provider calls so, as ``provider:model``; None where nobody does."""
    from llmring.registry import Registry
    from llmring.registry.store import OWN_MACHINES

    registry = Registry()
    providers = [one for one in registry.providers if one not in OWN_MACHINES]
    named = (registry.model(f"{provider}:{name}") for provider in providers)
    return next((f"{model.provider}:{name}" for model in named if model is not None), None)


def _aliases(ctx: click.Context) -> list[str]:
    from llmring.lockfile import AliasResolver

    load_env(warn=lambda _: None)
    with contextlib.suppress(LLMError):
        return list(AliasResolver().aliases(ctx.params.get("profile")))
    return []


def _models() -> list[str]:
    from llmring.registry import Registry

    registry = Registry()
    listed = [model for name in registry.providers for model in registry.models(name)]
    return [model.ref for model in listed if model.is_active] + ["local:tiny"]


def _begun(incomplete: str, names: list[str]) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]
