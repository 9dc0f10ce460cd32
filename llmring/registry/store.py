"""The lists at hand, one for each provider: bundled, kept on disk, or read from a registry."""

from __future__ import annotations

import datetime
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from llmring.exceptions import RegistryError, RegistryStaleError
from llmring.registry.catalog import Catalog
from llmring.registry.disk import DiskCache
from llmring.registry.reading import read_catalog
from llmring.registry.snapshot import bundled
from llmring.registry.source import RegistrySource

if TYPE_CHECKING:
    import asyncio

Origin = Literal["bundled", "registry", "cache", "stale"]

#: Providers whose models run on the user's own machines, and which no registry is asked for.
OWN_MACHINES = frozenset({"local", "ollama"})
# Seconds for which a registry that failed is not asked again: doubled each time, up to an hour.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 30.0, 3600.0
# A caller that makes names of providers up must not fill the memory.
_MAX_PROVIDERS = 64

_logger = logging.getLogger("llmring.registry")


@dataclass(slots=True)
class State:
    """What is known of a provider.

    :param stored: when the registry gave the list, in seconds since the epoch.
    :param failures: how often in a row it could not be read.
    :param next_try: before which it is not asked again, on the monotonic clock.
    """

    catalog: Catalog | None = None
    origin: Origin = "bundled"
    stored: float = 0.0
    failures: int = 0
    next_try: float = 0.0


@dataclass(slots=True)
class Clocks:
    """What time it is.

    :param wall: seconds since the epoch.
    :param monotonic: seconds, for pauses.
    """

    wall: Callable[[], float]
    monotonic: Callable[[], float]

    def today(self) -> datetime.date:
        """The day, in UTC."""
        return datetime.datetime.fromtimestamp(self.wall(), datetime.UTC).date()


class CatalogStore:
    """The list of each provider that is at hand, and how a newer one is had.

    :param source: the registry that is asked; None asks nobody.
    :param ttl_s: seconds for which a list that it gave is taken as current.
    :param changed: called when any list has become another one.
    """

    def __init__(
        self,
        source: RegistrySource | None,
        disk: DiskCache,
        clocks: Clocks,
        *,
        ttl_s: float,
        changed: Callable[[], None],
    ) -> None:
        self._source = source
        self._disk = disk
        self._clocks = clocks
        self._ttl_s = ttl_s
        self._changed = changed
        self._states: dict[str, State] = {}
        self._reading: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[None]] = {}

    @property
    def providers(self) -> list[str]:
        """Providers that were asked for and have a list."""
        return [name for name, state in list(self._states.items()) if state.catalog]

    def state(self, provider: str) -> State:
        """What is at hand; looked for on disk when it is first asked for."""
        state = self._states.get(provider)
        if state is not None:
            return state
        if len(self._states) >= _MAX_PROVIDERS:
            self._states.clear()
            self._changed()
        state = State(bundled(provider))
        if self._source is not None and provider not in OWN_MACHINES:
            self._look_at_disk(provider, state, self._source)
        if state.catalog is not None:
            state.catalog = state.catalog.on(self._clocks.today())
        return self._states.setdefault(provider, state)

    def begin_day(self) -> None:
        """Take the prices of today."""
        day = self._clocks.today()
        for state in list(self._states.values()):
            if state.catalog is not None and state.catalog.day != day:
                state.catalog = state.catalog.on(day)
        self._changed()

    def clear(self) -> int:
        """As `Registry.clear_cache`."""
        self._states.clear()
        self._changed()
        return self._disk.clear()

    async def prepare(self, provider: str) -> None:
        """As `Registry.prepare`."""
        if self._source is None or provider in OWN_MACHINES:
            return
        state = self.state(provider)
        if self._is_current(state) or self._clocks.monotonic() < state.next_try:
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
        """As `Registry.refresh`."""
        if self._source is None:
            raise RegistryError(
                "no registry is named, so there is nothing to read but the bundled list; give "
                "registry_url=…"
            )
        state, url = self.state(provider), self._source.file_url(provider)
        try:
            body = await self._source.read(provider)
            catalog = await _read_aside(body, provider, url)
        except RegistryError as err:
            state.next_try = self._clocks.monotonic() + self._pause_s(state, err)
            state.failures += 1
            raise
        state.catalog = catalog.on(self._clocks.today())
        state.origin, state.stored = "registry", self._clocks.wall()
        state.failures, state.next_try = 0, 0.0
        self._changed()
        self._keep(url, body, state.stored)
        return state.catalog

    async def pinned(self, provider: str, version: int) -> Catalog:
        """As `Registry.pinned`."""
        if self._source is None:
            return _bundled_version(provider, version)
        url = self._source.file_url(provider, version)
        kept = None if self._source.is_folder else self._disk.get(url)
        if kept is not None:
            return await _read_aside(kept.body, provider, url)
        body = await self._source.read(provider, version)
        catalog = await _read_aside(body, provider, url)
        if catalog.version not in (None, version):
            raise RegistryError(f"the registry's file {url} says version {catalog.version}")
        self._keep(url, body, self._clocks.wall())
        return catalog

    def _keep(self, url: str, body: bytes, stored: float) -> None:
        if self._source is not None and not self._source.is_folder:
            self._disk.put(url, body, stored)

    def _look_at_disk(self, provider: str, state: State, source: RegistrySource) -> None:
        """Take what an earlier process has kept; it may be stale."""
        try:
            url = source.file_url(provider)
            if source.is_folder:
                body, stored = source.read_file(provider), self._clocks.wall()
            else:
                kept = self._disk.get(url)
                if kept is None:
                    return
                body, stored = kept
            state.catalog = read_catalog(body, provider, url)
        except RegistryError as err:
            # `prepare` says what is wrong with a registry; here, what is bundled serves.
            _logger.debug("%s", err)
            return
        state.stored = stored
        state.origin = "registry" if source.is_folder else "cache"
        if not self._is_current(state):
            state.origin = "stale"

    def _is_current(self, state: State) -> bool:
        # A time that is yet to come is a clock that was set back.
        return state.origin != "bundled" and 0 <= self._clocks.wall() - state.stored < self._ttl_s

    def _pause_s(self, state: State, err: RegistryError) -> float:
        if err.status_code == 404:
            return self._ttl_s  # it has answered: it does not have the provider
        # The exponent is bounded, for a float is.
        return min(_FIRST_PAUSE_S * 2.0 ** min(state.failures, 16), _LONGEST_PAUSE_S)

    async def _refresh_quietly(self, provider: str) -> None:
        state = self.state(provider)
        try:
            await self.refresh(provider)
        except RegistryError as err:
            if state.origin == "bundled" and err.status_code == 404:
                return
            if state.origin != "bundled":
                state.origin = "stale"
            _logger.warning("%s; going on with the %s list", err.message, state.origin)


def _bundled_version(provider: str, version: int) -> Catalog:
    catalog = bundled(provider)
    if catalog is None or catalog.version != version:
        found = "none" if catalog is None else f"version {catalog.version}"
        raise RegistryStaleError(
            f"version {version} of the list of {provider[:64]!r} is pinned, and the bundled list "
            f"is {found}; name the registry that it was pinned from, or pin anew"
        )
    return catalog


async def _read_aside(body: bytes, provider: str, url: str) -> Catalog:
    """As `read_catalog`, in a thread: the largest files would hold up the loop for 0.1 s."""
    import asyncio

    return await asyncio.to_thread(read_catalog, body, provider, url)
