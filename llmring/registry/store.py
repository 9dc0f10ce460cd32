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
#: A provider, and the version of its list that is pinned; None for the current one.
_Key = tuple[str, int | None]

#: Providers whose models run on the user's own machines, and which no registry is asked for.
OWN_MACHINES = frozenset({"local", "ollama"})
# Seconds for which a registry that failed is not asked again: doubled each time, up to an hour.
_FIRST_PAUSE_S, _LONGEST_PAUSE_S = 30.0, 3600.0
# A caller that makes names of providers up must not fill the memory.
_MAX_LISTS = 64

_logger = logging.getLogger("llmring.registry")


@dataclass(slots=True)
class State:
    """What is known of a provider.

    :param stored: when the registry gave the list, in seconds since the epoch.
    :param failures: how often in a row it could not be read.
    :param next_try: before which it is not asked again, on the monotonic clock.
    :param is_absent: whether the registry has answered that it does not have the list.
    """

    catalog: Catalog | None = None
    origin: Origin = "bundled"
    stored: float = 0.0
    failures: int = 0
    next_try: float = 0.0
    is_absent: bool = False


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

    Beside its current list a provider may have others, by the version that a lockfile pins. Those
    never change, so they are read once.

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
        self._states: dict[_Key, State] = {}
        self._reading: dict[tuple[asyncio.AbstractEventLoop, _Key], asyncio.Task[None]] = {}

    @property
    def providers(self) -> list[str]:
        """Providers that were asked for and have a list."""
        states = list(self._states.items())
        return [name for (name, version), state in states if version is None and state.catalog]

    def state(self, provider: str, version: int | None = None) -> State:
        """What is at hand; looked for on disk when it is first asked for."""
        key = (provider, version)
        state = self._states.get(key)
        if state is not None:
            return state
        if len(self._states) >= _MAX_LISTS:
            self._states.clear()
            self._changed()
        state = State()
        if version is None or not self._asks(provider):
            state.catalog = _bundled(provider, version)
        if self._source is not None and self._asks(provider):
            self._look_at_disk(key, state, self._source)
        if state.catalog is not None:
            state.catalog = state.catalog.on(self._clocks.today())
        return self._states.setdefault(key, state)

    def lists(self, provider: str, version: int | None = None) -> list[Catalog]:
        """The lists to look a model up in: the pinned one if it can be had, then the current one.

        The current one has models that are newer than the pin.
        """
        current = self.state(provider)
        states = [current]
        if version is not None and not self._is_version(provider, current, version):
            states = [self.state(provider, version), current]
        return [state.catalog for state in states if state.catalog is not None]

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

    def prepare_soon(self, provider: str, version: int | None) -> asyncio.Task[None] | None:
        """As `Registry.prepare_soon`.

        :return: what reads the lists; None where none is to be read.
        """
        if not self._asks(provider):
            if version is not None:
                self._tell_stale(provider, version)
            return None
        if not self._due(provider, version):
            return None
        import asyncio  # costs more to load than all the rest here, and lookups do without

        key = (asyncio.get_running_loop(), (provider, version))
        task = self._reading.get(key)
        if task is None:
            task = self._reading[key] = key[0].create_task(self._read_due(provider, version))
            task.add_done_callback(lambda _: self._reading.pop(key, None))
        return task

    async def prepare(self, provider: str, version: int | None = None) -> None:
        """As `Registry.prepare`."""
        task = self.prepare_soon(provider, version)
        if task is not None:
            import asyncio  # as above

            # All who wait share it: one that is cancelled must not end it for the others.
            await asyncio.shield(task)

    async def refresh(self, provider: str, version: int | None = None) -> Catalog:
        """As `Registry.refresh`; of a pinned list too."""
        if self._source is None:
            raise RegistryError(
                "no registry is named, so there is nothing to read but the bundled list; give "
                "registry_url=…"
            )
        url = self._source.file_url(provider, version)
        state = self.state(provider, version)
        try:
            body = await self._source.read(provider, version)
            catalog = await _read_aside(body, (provider, version), url)
        except RegistryError as err:
            state.is_absent = err.status_code == 404
            state.next_try = self._clocks.monotonic() + self._pause_s(state)
            state.failures += 1
            raise
        state.catalog = catalog.on(self._clocks.today())
        state.origin, state.stored = "registry", self._clocks.wall()
        state.failures, state.next_try, state.is_absent = 0, 0.0, False
        self._changed()
        if not self._source.is_folder:
            self._disk.put(url, body, state.stored)
        return state.catalog

    async def pinned(self, provider: str, version: int) -> Catalog:
        """As `Registry.pinned`."""
        catalog = self.state(provider, version).catalog
        if catalog is not None:
            return catalog
        if not self._asks(provider):
            raise _stale(provider, version)
        return await self.refresh(provider, version)

    def _asks(self, provider: str) -> bool:
        """Whether a registry is asked for the provider's lists."""
        return self._source is not None and provider not in OWN_MACHINES

    def _is_version(self, provider: str, current: State, version: int) -> bool:
        """Whether the current list is the one that is pinned, so that it need not be read again.

        A registry counts for itself: its versions are not those of the bundled lists.
        """
        if current.catalog is None or (self._asks(provider) and current.origin == "bundled"):
            return False
        return current.catalog.version == version

    def _due(self, provider: str, version: int | None) -> list[int | None]:
        """The versions, None being the current list, that are to be read now."""
        now, current = self._clocks.monotonic(), self.state(provider)
        due: list[int | None] = []
        if not self._is_current(current):
            if now >= current.next_try:
                due.append(None)
            elif not current.is_absent:
                return []  # the registry cannot be reached: another file of it cannot either
        if version is not None and not self._is_version(provider, current, version):
            pinned = self.state(provider, version)
            if pinned.catalog is None and now >= pinned.next_try:
                due.append(version)
        return due

    async def _read_due(self, provider: str, version: int | None) -> None:
        # What the current list turns out to be decides on whether the pinned one is needed.
        for one in dict.fromkeys((None, version)):
            if one in self._due(provider, version):
                await self._refresh_quietly(provider, one)

    def _tell_stale(self, provider: str, version: int) -> None:
        """Log, once, that a list is pinned which nobody can be asked for."""
        pinned = self.state(provider, version)
        if pinned.catalog is None and not pinned.failures:
            pinned.failures = 1
            stale = _stale(provider, version)
            _logger.warning("%s; going on with the list at hand", stale.message)

    def _look_at_disk(self, key: _Key, state: State, source: RegistrySource) -> None:
        """Take what an earlier process has kept; it may be stale."""
        try:
            url = source.file_url(*key)
            if source.is_folder:
                body, stored = source.read_file(*key), self._clocks.wall()
            else:
                kept = self._disk.get(url)
                if kept is None:
                    return
                body, stored = kept
            state.catalog = _read(body, key, url)
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

    def _pause_s(self, state: State) -> float:
        if state.is_absent:
            return self._ttl_s  # it has answered: it does not have the list
        # The exponent is bounded, for a float is.
        return min(_FIRST_PAUSE_S * 2.0 ** min(state.failures, 16), _LONGEST_PAUSE_S)

    async def _refresh_quietly(self, provider: str, version: int | None) -> None:
        try:
            await self.refresh(provider, version)
        except RegistryError as err:
            current = self.state(provider)
            if version is None and current.origin == "bundled" and err.status_code == 404:
                return
            if version is None and current.origin != "bundled":
                current.origin = "stale"
            _logger.warning("%s; going on with the %s list", err.message, current.origin)


def _bundled(provider: str, version: int | None) -> Catalog | None:
    catalog = bundled(provider)
    if catalog is None or version in (None, catalog.version):
        return catalog
    return None


def _stale(provider: str, version: int) -> RegistryStaleError:
    catalog = bundled(provider)
    found = "none" if catalog is None else f"version {catalog.version}"
    return RegistryStaleError(
        f"version {version} of the list of {provider[:64]!r} is pinned, and the bundled list is "
        f"{found}; name the registry that it was pinned from, or pin anew"
    )


def _read(body: bytes, key: _Key, url: str) -> Catalog:
    """As `read_catalog`, of the version that was asked for."""
    provider, version = key
    catalog = read_catalog(body, provider, url)
    if version is not None and catalog.version not in (None, version):
        raise RegistryError(f"the registry's file {url} says version {catalog.version}")
    return catalog


async def _read_aside(body: bytes, key: _Key, url: str) -> Catalog:
    """As `_read`, in a thread: the largest files would hold up the loop for 0.1 s."""
    import asyncio

    return await asyncio.to_thread(_read, body, key, url)
