"""Sessions and their connections: one transport's own, or shared by all of an origin."""

from __future__ import annotations

import os
import threading
from collections.abc import Hashable

import requests

from LLM.pool_limits import MAX_SHARED_POOLS, pool_limits
from LLM.transport_session import new_session


class SessionPool:
    """The session of one origin, replaced when it is reset, and in each process.

    :param origin: scheme and host, such as ``https://api.openai.com``.
    :param max_idle: most idle connections kept; None for what `LLM.pool_limits` says.
    """

    def __init__(self, origin: str, max_idle: int | None) -> None:
        self._origin = origin
        self._max_idle = max_idle
        self._lock = threading.Lock()
        self._pid = os.getpid()
        self._session = self._new()

    @property
    def session(self) -> requests.Session:
        """The session to send with, in this process."""
        if self._pid != os.getpid():
            # After a fork parent and child hold the same sockets and would read each other's
            # answers. The parent's session is dropped here, not closed: it is the parent's.
            with self._lock:
                if self._pid != os.getpid():
                    self._session = self._new()
                    self._pid = os.getpid()
        return self._session

    def reset(self) -> None:
        """Drop all idle connections. Calls in flight go on, and close theirs when done."""
        with self._lock:
            old, self._session = self._session, self._new()
        old.close()

    def close(self) -> None:
        """Drop all idle connections for good."""
        self._session.close()

    def _new(self) -> requests.Session:
        if self._max_idle is not None:
            return new_session(self._origin, self._max_idle)
        limits = pool_limits()
        return new_session(self._origin, limits.max_idle, limits.keepalive_s)


_shared: dict[Hashable, SessionPool] = {}
_lock = threading.Lock()


def shared_pool(key: Hashable, origin: str) -> SessionPool:
    """The pool of all who have the same key, made when there is none.

    :param key: all that the connections depend on: origin, certificates, proxy.
    """
    with _lock:
        pool = _shared.get(key)
        if pool is None:
            if len(_shared) >= MAX_SHARED_POOLS:
                # Whoever still has it goes on with it.
                del _shared[next(iter(_shared))]
            pool = _shared[key] = SessionPool(origin, None)
    return pool


def reset_shared_pools() -> None:
    """Drop the idle connections of all shared pools, whose next ones keep to the limits of now."""
    with _lock:
        pools = list(_shared.values())
    for pool in pools:
        pool.reset()
