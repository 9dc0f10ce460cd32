"""How many connections the shared pools hold, and for how long."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Any

from LLM.exceptions import LLMConfigError

#: Most shared pools at once, in each event loop and of blocking clients; one more replaces the
#: first, so that a program that calls ever new hosts does not grow.
MAX_SHARED_POOLS = 256


@dataclass(frozen=True, slots=True)
class PoolLimits:
    """Bounds of one pool, which serves one origin (and, in async code, one event loop).

    :param max_connections: connections open at once in an async pool, 1 and up; further calls wait
        for one within their deadline. Blocking calls open one for each thread.
    :param max_idle: connections kept while no call needs them, 1 and up.
    :param keepalive_s: seconds after which an idle connection is not used again, above 0.
    :raises LLMConfigError: a value is outside of its range.
    """

    max_connections: int = 1000
    max_idle: int = 1000
    keepalive_s: float = 30.0

    def __post_init__(self) -> None:
        _require_count("max_connections", self.max_connections)
        _require_count("max_idle", self.max_idle)
        seconds: Any = self.keepalive_s
        number = isinstance(seconds, (int, float)) and not isinstance(seconds, bool)
        if not (number and math.isfinite(seconds) and seconds > 0):
            raise LLMConfigError(
                f"PoolLimits.keepalive_s is {seconds!r}; give a number of seconds above 0"
            )


def set_pool_limits(limits: PoolLimits) -> None:
    """Use `limits` for shared pools that are made from now on; those that are open keep theirs.

    :raises LLMConfigError: `limits` is no `PoolLimits`.
    """
    global _limits
    given: Any = limits
    if not isinstance(given, PoolLimits):
        raise LLMConfigError(f"limits is {given!r}; give a PoolLimits(...)")
    _limits = given


def pool_limits() -> PoolLimits:
    """What a shared pool that is made now is bound to."""
    return _limits


def _require_count(name: str, value: Any) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or value < 1:
        raise LLMConfigError(f"PoolLimits.{name} is {value!r}; give a whole number from 1 up")


def origin_key(scheme: str, host: str | None, port: int | None, *rest: Hashable) -> Hashable:
    """What tells one shared pool from another: the origin and all else its connections depend on.

    :param rest: how certificates are checked, and the proxy.
    """
    return (scheme, host, port or {"http": 80, "https": 443}.get(scheme), *rest)


_limits = PoolLimits()
