"""The models of all providers or of one."""

from __future__ import annotations

from llmring.exceptions import ModelError
from llmring.registry import RegistryModel
from llmring.registry.store import OWN_MACHINES
from llmring.service import LLMRing


async def listed(
    provider: str | None, registry_url: str | None
) -> tuple[list[RegistryModel], dict[str, int]]:
    """Models, and the numbers of the registry's lists that they are from.

    :param provider: None for all that the registry lists, and the models on this disk.
    :raises LLMError: no such provider, or it does not tell when it is asked.
    """
    async with LLMRing(origin="llmring list", registry_url=registry_url) as ring:
        registry = ring.registry
        if provider is None:
            names = [name for name in registry.providers if name not in OWN_MACHINES]
        elif provider.lower() in ring.providers.names:
            names = [provider.lower()]
        else:
            raise ring.providers.unknown(provider)
        found: list[RegistryModel] = []
        versions: dict[str, int] = {}
        for name in names:
            await registry.prepare(name)
            if name in OWN_MACHINES or not registry.models(name):
                continue
            found += registry.models(name)
            versions[name] = registry.version(name) or 0
        for name in [one for one in names if one not in versions] if provider else ["local"]:
            found += await _asked(ring, name)
        return found, versions


async def _asked(ring: LLMRing, name: str) -> list[RegistryModel]:
    """The models that a provider says it has, as the registry would list them."""
    models = await ring.get_provider(name).list_models()
    if models is None:
        raise ModelError(f"provider {name!r} does not tell which models it has", provider=name)
    return [_named(name, model, ring.registry.model(f"{name}:{model}")) for model in models]


def _named(provider: str, name: str, listed: RegistryModel | None) -> RegistryModel:
    """A model under the name that its provider gives it; the registry may list it by another."""
    if listed is not None:
        return listed.model_copy(update={"model_name": name})
    # Unchecked: what a server calls its models need be no name of a registry.
    return RegistryModel.model_construct(provider=provider, model_name=name)
