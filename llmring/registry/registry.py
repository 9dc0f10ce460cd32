"""What models there are and what calls cost: lookups that never wait, and the few that may.

Lookups answer from the list at hand. What may wait for the network is a coroutine: `prepare`, which
the ring awaits before it prices, `refresh`, `pinned` and `drift`.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from llmring.exceptions import ModelNotFoundError, RegistryError
from llmring.registry.catalog import Catalog
from llmring.registry.disk import DiskCache
from llmring.registry.drift import Drift, drift
from llmring.registry.pricing import Cost, cost, has_counts
from llmring.registry.schemas import RegistryModel
from llmring.registry.snapshot import BUNDLED
from llmring.registry.source import RegistrySource
from llmring.registry.store import OWN_MACHINES, CatalogStore, Clocks, Origin

#: Seconds for which a registry's file is taken as current.
TTL_S = 86_400.0
# Names that are looked up again and again; a caller that makes names up must not fill the memory.
_MAX_REMEMBERED = 4096
# As long as a path can be, which a name of a local model may be.
_MAX_REF_CHARS = 4096


class Registry:
    """The models of all providers. Lookups are safe from any thread.

    :param url: address of a registry, in place of the bundled one for the providers that it has:
        ``https://…``, ``file:///…``, or ``http://…`` on this machine; None asks nobody.
    :param cache_dir: folder of the files that a registry gave; None for the user's cache folder.
    :param timeout_s: seconds that a file of a registry may take.
    :param ttl_s: seconds for which such a file is taken as current.
    :param clock: wall clock, in seconds since the epoch.
    :param monotonic: clock for pauses, in seconds.
    :raises ConfigurationError: no registry can be at `url`.
    """

    def __init__(
        self,
        url: str | None = None,
        *,
        cache_dir: str | os.PathLike[str] | None = None,
        timeout_s: float = 5.0,
        ttl_s: float = TTL_S,
        clock: Callable[[], float] = time.time,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._clocks = Clocks(clock, monotonic)
        self._found: dict[tuple[str, int | None], RegistryModel] = {}
        self._day_ends = 0.0
        # Without one there is nothing to read but a list that is pinned.
        self._has_source = url is not None
        self._store = CatalogStore(
            None if url is None else RegistrySource(url, timeout_s=timeout_s),
            DiskCache(cache_dir),
            self._clocks,
            ttl_s=ttl_s,
            changed=self._forget,
        )

    def model(self, ref: str, version: int | None = None) -> RegistryModel | None:
        """The model that ``provider:model`` names, by its own name, an alias or a dated name.

        Models of ``local`` and ``ollama`` cost nothing, listed or not.

        :param version: that of the provider's list which a lockfile pins. Where it is not at hand,
            and for models that it does not have, the current list is taken.
        :return: None when nobody has heard of it, and for what Ollama runs on its own machines.
        """
        self._turn_day()
        # What is found in a list that another thread replaces meanwhile goes with that list's dict.
        memory, key = self._found, (ref, version)
        found = memory.get(key)
        if found is None:
            found = self._find(ref, version)
            if found is not None:
                if len(memory) >= _MAX_REMEMBERED:
                    memory.clear()
                memory[key] = found
        return found

    def require(self, ref: str, version: int | None = None) -> RegistryModel:
        """As `model`.

        :raises ModelNotFoundError: nobody has heard of it; the message has near names.
        """
        found = self.model(ref, version)
        if found is None:
            near = self.near(ref)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            shown = ref[:256]
            raise ModelNotFoundError(f"no registry lists a model {shown!r}{hint}")
        return found

    def near(self, ref: str, n: int = 3) -> list[str]:
        """Models whose names look like `ref`, as ``provider:model``, the nearest first."""
        provider, name = split_ref(ref)
        catalog = self._catalog(provider)
        return [f"{provider}:{one}" for one in catalog.near(name, n)] if catalog else []

    def models(self, provider: str) -> list[RegistryModel]:
        """The models of a provider that the registry lists; none for one that it does not know."""
        self._turn_day()
        return list(self._catalog(provider.lower()) or ())

    @property
    def providers(self) -> list[str]:
        """Providers that have a list, in order."""
        return sorted({*BUNDLED, *self._store.providers})

    def version(self, provider: str) -> int | None:
        """The number of the list at hand; None when it has none."""
        catalog = self._catalog(provider.lower())
        return catalog.version if catalog else None

    def origin(self, provider: str) -> Origin:
        """Where the list at hand is from.

        ``registry``: just read. ``cache``: read in the last day. ``stale``: older, for the registry
        cannot be read. ``bundled``: the one that comes with the package.
        """
        return self._store.state(provider.lower()).origin

    def cost(self, usage: Mapping[str, Any] | None, ref: str, version: int | None = None) -> Cost:
        """What a call cost, by the list at hand; see `llmring.registry.cost`.

        :param usage: token counts of the call, which are not changed.
        :param ref: ``provider:model``.
        :param version: as `model`.
        """
        if not has_counts(usage):
            return Cost("no_usage")
        model = self.model(ref, version)
        if model is not None:
            return cost(usage, model)
        return Cost("model_not_in_registry" if all(split_ref(ref)) else "invalid_model_format")

    async def prepare(self, provider: str, version: int | None = None) -> None:
        """See to it that the list at hand is current, if that can be had.

        It never fails: a registry that cannot be read is left alone for a while, and the list at
        hand stays, however old; `origin` tells. The log says so once in each such while.

        :param version: one that is pinned, to be had as well.
        """
        if self._has_source or version is not None:
            await self._store.prepare(provider.lower(), version)

    def prepare_soon(self, provider: str, version: int | None = None) -> None:
        """As `prepare`, in a task of its own; `prepare` then waits for what is left to do.

        :raises RuntimeError: a list is to be read, and no event loop runs.
        """
        if self._has_source or version is not None:
            self._store.prepare_soon(provider.lower(), version)

    async def refresh(self, provider: str) -> Catalog:
        """Read the registry's list of a provider now, whatever is at hand.

        :raises RegistryError: there is no registry, or it cannot be read; what is at hand stays.
        """
        return await self._store.refresh(provider.lower())

    async def pinned(self, provider: str, version: int) -> Catalog:
        """The list of a provider as a lockfile pins it. One that was read once stays on disk.

        :raises RegistryStaleError: no registry is asked, and the bundled list is another version.
        :raises RegistryError: the registry does not have it, or cannot be read.
        """
        return await self._store.pinned(provider.lower(), version)

    async def drift(self, provider: str, version: int) -> Drift:
        """What has changed since `version` of a provider's list was pinned.

        :raises RegistryError: as `pinned`; or nobody lists the provider.
        """
        # With the prices of today: one that was announced when the list was pinned is no surprise.
        self._turn_day()
        pinned = await self.pinned(provider, version)
        await self.prepare(provider)
        current = self._catalog(provider.lower())
        if current is None:
            raise RegistryError(f"no registry lists models of {provider[:64]!r}")
        return drift(pinned, current)

    def clear_cache(self) -> int:
        """Forget what registries gave, in memory and on disk. :return: how many files there were.

        A registry that could not be read may be asked again at once.
        """
        return self._store.clear()

    def _forget(self) -> None:
        self._found = {}

    def _find(self, ref: str, version: int | None) -> RegistryModel | None:
        provider, name = split_ref(ref)
        if not provider or not name or len(ref) > _MAX_REF_CHARS:
            return None
        if provider == "ollama" and name.endswith("cloud"):
            return None  # Ollama runs it on its own machines, for a subscription
        for catalog in self._store.lists(provider, version):
            if found := catalog.find(name):
                return found
        return _free_model(provider, name) if provider in OWN_MACHINES else None

    def _catalog(self, provider: str) -> Catalog | None:
        return self._store.state(provider).catalog

    def _turn_day(self) -> None:
        """Prices may change with the day."""
        now = self._clocks.wall()
        if now >= self._day_ends:
            self._store.begin_day()
            self._day_ends = (now // 86_400 + 1) * 86_400


def split_ref(ref: str) -> tuple[str, str]:
    """Provider, in small letters, and model of ``provider:model``; both empty where it is none."""
    provider, colon, name = ref.partition(":")
    return (provider.lower(), name) if colon else ("", "")


def _free_model(provider: str, name: str) -> RegistryModel:
    # Unchecked: a name may be a path, which can hold what no name of a registry does.
    return RegistryModel.model_construct(
        provider=provider,
        model_name=name,
        display_name=name,
        dollars_per_million_tokens_input=0.0,
        dollars_per_million_tokens_output=0.0,
    )
