"""A cache of resolved aliases: the least recently used goes first, and all age."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Generic, TypeVar

from llmring.exceptions import ConfigurationError

V = TypeVar("V")


class AliasCache(Generic[V]):
    """Keeps `size` values for `ttl_s` seconds each. Threads may share it.

    :param size: most entries; 0 keeps none.
    :param ttl_s: seconds that an entry counts.
    :param clock: seconds that only grow.
    :raises ConfigurationError: a negative or non-finite number.
    """

    def __init__(
        self,
        size: int = 1000,
        ttl_s: float = 3600.0,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not _is_number(size, int):
            raise ConfigurationError(
                f"alias_cache_size must be a whole number from 0, not {size!r}"
            )
        if not _is_number(ttl_s, (int, float)):
            raise ConfigurationError(f"alias_cache_ttl must be seconds from 0, not {ttl_s!r}")
        self._size, self._ttl_s, self._clock = size, ttl_s, clock
        self._entries: OrderedDict[Hashable, tuple[float, V]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> V | None:
        """The value of `key`; None where there is none, or it is too old."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            if self._clock() >= entry[0]:
                del self._entries[key]
                return None
            self._entries.move_to_end(key)
            return entry[1]

    def put(self, key: Hashable, value: V) -> None:
        """Keep `value`, in place of the least recently used entry where there is no room."""
        with self._lock:
            self._entries[key] = (self._clock() + self._ttl_s, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def clear(self) -> None:
        """Forget all entries."""
        with self._lock:
            self._entries.clear()

    def __len__(self) -> int:
        return len(self._entries)


def _is_number(value: Any, kinds: type | tuple[type, ...]) -> bool:
    fits = isinstance(value, kinds) and not isinstance(value, bool)
    return fits and bool(0 <= value < 1e9)
