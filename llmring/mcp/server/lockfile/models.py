"""The models that the tools of a lockfile speak of: found, checked, sorted."""

from __future__ import annotations

import asyncio
import difflib
import os
from collections.abc import Iterable, Mapping
from functools import cached_property
from itertools import chain

from llmring.exceptions import ToolError
from llmring.lockfile import BUILTIN_PROVIDERS, BUNDLED, load, split_reference
from llmring.lockfile.names import listed, shown, suggestion
from llmring.mcp.server.lockfile.draft import LockfileDraft
from llmring.providers.catalog import ProviderCatalog
from llmring.registry import Registry, RegistryModel
from llmring.registry.store import OWN_MACHINES


class DraftModels:
    """Models, with the providers and the pinned lists of a draft.

    :param registry_url: as for `Registry`.
    :param environ: the environment variables, in which keys are; None for the process's.
    """

    def __init__(
        self,
        draft: LockfileDraft,
        registry_url: str | None = None,
        environ: Mapping[str, str] | None = None,
    ) -> None:
        self._draft = draft
        self._registry = Registry(registry_url)
        self.providers = ProviderCatalog(
            lambda: draft.lockfile.providers, os.environ if environ is None else environ
        )

    async def prepare(self) -> None:
        """Have the lists of models at hand; those that cannot be read are left as they are."""
        pins = self._pins(None)
        names = dict.fromkeys([*self._registry.providers, *pins])
        await asyncio.gather(*[self._registry.prepare(name, pins.get(name)) for name in names])

    def find(self, ref: str, profile: str | None = None) -> RegistryModel | None:
        """What the registry says of a model, by the list that the profile pins."""
        provider = ref.partition(":")[0].lower()
        return self._registry.model(ref, self._pins(profile).get(provider))

    def problem(self, ref: str) -> str | None:
        """What the provider of a model lacks; None where it is set up."""
        return self.providers.why_unavailable(ref.partition(":")[0].lower())

    def checked(self, ref: str, *, may_be_unlisted: bool = False, advice: str = "") -> str:
        """A model as the lockfile has it.

        :param ref: ``provider:model``.
        :param may_be_unlisted: take one that the registry does not list.
        :param advice: what else to do about one, for the error.
        :raises ToolError: it is none, no such provider, or the registry does not list it; what was
            likely meant is said.
        """
        reference = split_reference(ref)
        if reference is None:
            raise ToolError(f"{shown(ref)} is not provider:model{self.hint(ref)}")
        provider = reference[0]
        known = self.providers.names
        if provider not in known:
            raise ToolError(
                f"unknown provider {provider!r} in {shown(ref)}; there are {listed(known)}"
                f"{suggestion(provider, known) or self.hint(reference[1])}"
            )
        name = ":".join(reference)
        is_ours = provider in BUILTIN_PROVIDERS and provider not in OWN_MACHINES
        if is_ours and not may_be_unlisted and self.find(name) is None:
            raise ToolError(f"the registry lists no model {shown(name)}{self.hint(name)}{advice}")
        return name

    def hint(self, ref: str) -> str:
        """``; did you mean …?`` for a model: near names of its provider, else of all."""
        near = self._registry.near(ref)
        if not near:
            name = ref.rpartition(":")[2].strip().lower()[:100]
            exact = [f"{one}:{name}" for one in self._registry.providers]
            near = [one for one in exact if name and self._listed(one)]
            near = near or difflib.get_close_matches(name, self._names, 3, 0.6)
            near = [self._names.get(one, one) for one in near]
        return f"; did you mean {' or '.join(map(repr, near[:3]))}?" if near else ""

    def of(self, providers: Iterable[str] | None, *, with_old: bool = False) -> list[RegistryModel]:
        """The models that the registry lists: those of the usual aliases first, then by name.

        :param providers: None for all.
        :param with_old: those too that are no longer served.
        :raises ToolError: no such provider.
        """
        names = list(self._registry.providers) if not providers else []
        for name in providers or ():
            if name.lower() not in self.providers.names:
                known = self.providers.names
                raise ToolError(
                    f"unknown provider {shown(name)}; there are {listed(known)}"
                    f"{suggestion(name.lower(), known)}"
                )
            names.append(name.lower())
        found = chain.from_iterable(self._registry.models(name) for name in dict.fromkeys(names))
        models = [model for model in found if with_old or model.is_active]
        return sorted(models, key=lambda model: (not self.is_usual(model), model.ref))

    def is_usual(self, model: RegistryModel) -> bool:
        """Whether one of llmring's own aliases lists the model: those are current ones."""
        return model.ref in self._usual

    @cached_property
    def _usual(self) -> frozenset[str]:
        profiles = load(BUNDLED).profiles.values()
        refs = (ref for one in profiles for binding in one.bindings for ref in binding.models)
        found = (self._registry.model(ref) for ref in refs)
        return frozenset(model.ref for model in found if model is not None)

    def _pins(self, profile: str | None) -> Mapping[str, int]:
        lockfile = self._draft.lockfile
        found = lockfile.profiles.get(self._draft.profile_name(profile))
        return found.registry_versions if found else {}

    def _listed(self, ref: str) -> bool:
        return not ref.startswith(tuple(OWN_MACHINES)) and self._registry.model(ref) is not None

    @cached_property
    def _names(self) -> dict[str, str]:
        """The names of models, without their providers, and the models."""
        return {model.model_name: model.ref for model in self.of(None)}
