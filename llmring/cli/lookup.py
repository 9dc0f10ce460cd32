"""What is known of a model, or of the models that an alias lists."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from llmring.registry import RegistryModel
from llmring.service import LLMRing


@dataclass(frozen=True, slots=True)
class Found:
    """A model.

    :param model: ``provider:model``, as it was asked for.
    :param listed: what the registry says; None where it does not list it.
    :param problem: what its provider lacks; None where it is set up.
    """

    model: str
    listed: RegistryModel | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class FoundPool:
    """An alias and its models, or one model.

    :param profile: where the alias was found; None for a model.
    :param source: the lockfile that has the alias.
    """

    name: str
    profile: str | None
    source: Path | None
    models: list[Found]


async def look_up(name: str, profile: str | None, registry_url: str | None) -> FoundPool:
    """What is known of `name`, by the prices that the profile pins.

    :raises LLMError: no such alias or profile; or a model that the registry does not list.
    """
    async with LLMRing(origin="llmring info", registry_url=registry_url) as ring:
        pool = ring.aliases.pool(name, profile)
        pins = ring.aliases.registry_versions(profile)
        models = []
        for model in pool.models:
            provider = model.partition(":")[0]
            pin = pins.get(provider)
            await ring.registry.prepare(provider, pin)
            problem = ring.providers.why_unavailable(provider)
            look = ring.registry.model if pool.is_alias else ring.registry.require
            models.append(Found(model, look(model, pin), problem))
        return FoundPool(pool.name, pool.profile, pool.source, models)
