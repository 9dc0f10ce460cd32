"""What models there are: the bundled list, or that of another registry, kept in memory and on disk.

Lookups never wait: they answer from what is at hand. What may wait for the network is a coroutine:
`prepare`, which the ring awaits before it prices, `refresh`, `pinned` and `drift`.
"""

from __future__ import annotations

import datetime
import logging
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from llmring.exceptions import ModelNotFoundError, RegistryError, RegistryStaleError
from llmring.registry.catalog import Catalog
from llmring.registry.disk import DiskCache
from llmring.registry.drift import Drift, drift
from llmring.registry.pricing import Cost, cost
from llmring.registry.reading import read_catalog
from llmring.registry.schemas import RegistryModel
from llmring.registry.snapshot import BUNDLED, bundled
from llmring.registry.source import RegistrySource

if TYPE_CHECKING:
    import asyncio

Origin = Literal["bundled", "registry", "cache", "stale"]

#: Seconds for which a registry's file is taken as current.
TTL_S = 86_400.0
# Seconds for which a registry that failed is not asked again: doubled each time, up to an hour.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 30.0, 3600.0
#: Providers whose models run on the user's own machines: what is not listed costs nothing.
_FREE = frozenset({"local", "ollama"})
# Names that are looked up again and again; a caller that makes names up must not fill the memory.
_MAX_REMEMBERED = 4096
_MAX_PROVIDERS = 64

_logger = logging.getLogger("llmring.registry")


@dataclass(slots=True)
class _State:
    """What is known of a provider.

    :param stored: when the registry was asked, in seconds since the epoch.
    :param failures: how often in a row it could not be read.
    :param next_try: before which it is not asked again, on the monotonic clock.
    """

    catalog: Catalog | None = None
    origin: Origin = "bundled"
    stored: float = 0.0
    failures: int = 0
    next_try: float = 0.0


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
        self._source = None if url is None else RegistrySource(url, timeout_s=timeout_s)
        self._disk = DiskCache(cache_dir)
        self._ttl_s = ttl_s
        self._clock = clock
        self._monotonic = monotonic
        self._states: dict[str, _State] = {}
        self._found: dict[str, RegistryModel] = {}
        self._day_ends = 0.0
        self._reading: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[None]] = {}

    def model(self, ref: str) -> RegistryModel | None:
        """The model that ``provider:model`` names, by its own name, an alias or a dated name.

        Models of ``local`` and ``ollama`` cost nothing, listed or not.

        :return: None when nobody has heard of it, and for what Ollama runs on its own machines.
        """
        if self._clock() >= self._day_ends:
            self._begin_day()
        found = self._found.get(ref)
        if found is None:
            found = self._find(ref)
            if found is not None:
                if len(self._found) >= _MAX_REMEMBERED:
                    self._found.clear()
                self._found[ref] = found
        return found

    def require(self, ref: str) -> RegistryModel:
        """As `model`.

        :raises ModelNotFoundError: nobody has heard of it; the message has near names.
        """
        found = self.model(ref)
        if found is None:
            near = self.near(ref)
            hint = f"; did you mean {' or '.join(map(repr, near))}?" if near else ""
            raise ModelNotFoundError(f"no registry lists a model {ref[:256]!r}{hint}")
        return found

    def near(self, ref: str, n: int = 3) -> list[str]:
        """Models whose names look like `ref`, as ``provider:model``, the nearest first."""
        provider, name = split_ref(ref)
        catalog = self._catalog(provider) if provider else None
        return [f"{provider}:{one}" for one in catalog.near(name, n)] if catalog else []

    def models(self, provider: str) -> list[RegistryModel]:
        """The models of a provider that the registry lists; none for one that it does not know."""
        return list(self._catalog(provider.lower()) or ())

    @property
    def providers(self) -> list[str]:
        """Providers that are listed, in order."""
        known = [name for name, state in self._states.items() if state.catalog]
        return sorted({*BUNDLED, *known})

    def version(self, provider: str) -> int | None:
        """The number of the list at hand; None when it has none."""
        catalog = self._catalog(provider.lower())
        return catalog.version if catalog else None

    def origin(self, provider: str) -> Origin:
        """Where the list at hand is from.

        ``registry``: just read. ``cache``: read in the last day. ``stale``: older, for the registry
        cannot be read. ``bundled``: the one that comes with the package.
        """
        return self._state(provider.lower()).origin

    def cost(self, usage: Mapping[str, Any] | None, ref: str) -> Cost:
        """What a call cost, by the list at hand; see `llmring.registry.cost`.

        :param usage: token counts of the call, which are not changed.
        :param ref: ``provider:model``.
        """
        if not usage:
            return Cost("no_usage")
        provider, name = split_ref(ref)
        if not provider or not name:
            return Cost("invalid_model_format")
        model = self.model(ref)
        return cost(usage, model) if model else Cost("model_not_in_registry")

    async def prepare(self, provider: str) -> None:
        """See to it that the list at hand is current, if that can be had.

        It never fails: a registry that cannot be read is left alone for a while, and the list at
        hand stays, however old; `origin` tells. The log says so once in each such while.
        """
        provider = provider.lower()
        if self._source is None or provider in _FREE:
            return
        state = self._state(provider)
        if self._is_current(state) or self._monotonic() < state.next_try:
            return
        import asyncio  # costs more to load than all the rest here, and lookups do without

        key = (asyncio.get_running_loop(), provider)
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = key[0].create_task(self._refresh_quietly(provider))
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        # All who wait share it: one that is cancelled must not end it for the others.
        await asyncio.shield(task)

    async def refresh(self, provider: str) -> Catalog:
        """Read the registry's list of a provider now, whatever is at hand.

        :raises RegistryError: there is no registry, or it cannot be read; what is at hand stays.
        """
        provider = provider.lower()
        source = self._required_source()
        state = self._state(provider)
        try:
            body = await source.read(provider)
            catalog = read_catalog(body, provider, source.file_url(provider))
        except RegistryError as err:
            pause_s = min(_FIRST_PAUSE_S * 2 ** min(state.failures, 16), _LONGEST_PAUSE_S)
            if err.status_code == 404:
                pause_s = self._ttl_s  # it has answered: it does not have the provider
            state.next_try = self._monotonic() + pause_s
            state.failures += 1
            raise
        now = self._clock()
        state.failures, state.next_try = 0, 0.0
        self._take(state, catalog, "registry", now)
        if not source.is_folder:
            self._disk.put(source.file_url(provider), body, now)
        return catalog

    async def pinned(self, provider: str, version: int) -> Catalog:
        """The list of a provider as a lockfile pins it. One that was read once stays on disk.

        :raises RegistryStaleError: no registry is asked, and the bundled list has another number.
        :raises RegistryError: the registry does not have it, or cannot be read.
        """
        provider = provider.lower()
        if self._source is None:
            return _bundled_version(provider, version)
        url = self._source.file_url(provider, version)
        kept = None if self._source.is_folder else self._disk.get(url)
        if kept is not None:
            return read_catalog(kept.body, provider, url)
        body = await self._source.read(provider, version)
        catalog = read_catalog(body, provider, url)
        if catalog.version not in (None, version):
            raise RegistryError(f"the registry's file {url} says version {catalog.version}")
        if not self._source.is_folder:
            self._disk.put(url, body, self._clock())
        return catalog

    async def drift(self, provider: str, version: int) -> Drift:
        """What has changed since `version` of a provider's list was pinned.

        :raises RegistryError: as `pinned`; or nobody lists the provider.
        """
        pinned = await self.pinned(provider, version)
        await self.prepare(provider)
        current = self._catalog(provider.lower())
        if current is None:
            raise RegistryError(f"no registry lists models of {provider[:64]!r}")
        # A price that was announced when the list was pinned is no surprise.
        return drift(pinned.on(self._today()), current)

    def clear_cache(self) -> int:
        """Forget what registries gave, in memory and on disk. :return: how many files there were.

        A registry that could not be read may be asked again at once.
        """
        self._states.clear()
        self._found.clear()
        return self._disk.clear()

    def _find(self, ref: str) -> RegistryModel | None:
        provider, name = split_ref(ref)
        if not provider or not name or len(ref) > 256:
            return None
        if provider == "ollama" and name.endswith("cloud"):
            return None  # Ollama runs it on its own machines, for a subscription
        catalog = self._catalog(provider)
        found = catalog.find(name) if catalog else None
        if found is None and provider in _FREE:
            return _free_model(provider, name)
        return found

    def _catalog(self, provider: str) -> Catalog | None:
        return self._state(provider).catalog

    def _state(self, provider: str) -> _State:
        state = self._states.get(provider)
        if state is not None:
            return state
        if len(self._states) >= _MAX_PROVIDERS:
            self._states.clear()
            self._found.clear()
        state = _State(bundled(provider))
        if self._source is not None and provider not in _FREE:
            self._look_at_disk(provider, state, self._source)
        if state.catalog is not None:
            state.catalog = state.catalog.on(self._today())
        return self._states.setdefault(provider, state)

    def _look_at_disk(self, provider: str, state: _State, source: RegistrySource) -> None:
        """Take what an earlier process has kept; it may be stale."""
        try:
            url = source.file_url(provider)
            if source.is_folder:
                body, stored = source.read_file(provider), self._clock()
            else:
                kept = self._disk.get(url)
                if kept is None:
                    return
                body, stored = kept
            state.catalog = read_catalog(body, provider, url)
        except RegistryError as err:
            _logger.debug("%s", err)
            return
        state.stored = stored
        state.origin = "registry" if source.is_folder else "cache"
        if not self._is_current(state):
            state.origin = "stale"

    def _take(self, state: _State, catalog: Catalog, origin: Origin, stored: float) -> None:
        state.catalog, state.origin, state.stored = catalog.on(self._today()), origin, stored
        self._found.clear()

    def _is_current(self, state: _State) -> bool:
        # A time that is yet to come is a clock that was set back.
        return state.origin != "bundled" and 0 <= self._clock() - state.stored < self._ttl_s

    def _begin_day(self) -> None:
        """Prices may change with the day."""
        day = self._today()
        for state in list(self._states.values()):
            if state.catalog is not None and state.catalog.day != day:
                state.catalog = state.catalog.on(day)
        self._found.clear()
        self._day_ends = (self._clock() // 86_400 + 1) * 86_400

    def _today(self) -> datetime.date:
        return datetime.datetime.fromtimestamp(self._clock(), datetime.UTC).date()

    async def _refresh_quietly(self, provider: str) -> None:
        state = self._state(provider)
        try:
            await self.refresh(provider)
        except RegistryError as err:
            if state.origin == "bundled" and err.status_code == 404:
                return
            if state.origin != "bundled":
                state.origin = "stale"
            _logger.warning("%s; going on with the %s list", err.message, state.origin)

    def _required_source(self) -> RegistrySource:
        if self._source is None:
            raise RegistryError(
                "no registry is named, so there is nothing to read but the bundled list; give "
                "registry_url=…"
            )
        return self._source


def split_ref(ref: str) -> tuple[str, str]:
    """Provider, in small letters, and model of ``provider:model``; both empty where it is none."""
    provider, colon, name = ref.partition(":")
    return (provider.lower(), name) if colon else ("", "")


def _bundled_version(provider: str, version: int) -> Catalog:
    catalog = bundled(provider)
    if catalog is None or catalog.version != version:
        found = "none" if catalog is None else f"version {catalog.version}"
        raise RegistryStaleError(
            f"version {version} of the list of {provider[:64]!r} is pinned, and the bundled list "
            f"is {found}; name the registry that it was pinned from, or pin anew"
        )
    return catalog


def _free_model(provider: str, name: str) -> RegistryModel:
    return RegistryModel(
        provider=provider,
        model_name=name,
        display_name=name,
        dollars_per_million_tokens_input=0.0,
        dollars_per_million_tokens_output=0.0,
    )
