"""Pools of aiohttp connections, one for each event loop and origin, that nobody has to close.

A pool belongs to the loop that it was made in, and ends with it: an async generator is parked in
the loop, and its `finally` runs with ``loop.shutdown_asyncgens()``, which `asyncio.run` calls. The
pools of a loop that was closed without are dropped when the next loop makes a pool, or when the
interpreter ends.

A pool that is retired takes no further calls, lets those in flight finish, and closes.
"""

from __future__ import annotations

import asyncio
import atexit
import contextlib
import functools
import os
import ssl
import weakref
from collections.abc import AsyncGenerator, Hashable
from dataclasses import dataclass
from typing import Protocol

import aiohttp
import certifi

from LLM.async_transport_connector import Connector
from LLM.async_transport_deadline import Deadlines
from LLM.pool_limits import MAX_SHARED_POOLS, PoolLimits

# As much of headers as http.client takes.
_MAX_LINE_BYTES = 65_536
_MAX_HEADERS = 100
#: Bytes read ahead of a slow reader, in each of two buffers.
_READ_AHEAD_BYTES = 64 * 1024
# How long the end of the interpreter waits for a loop in another thread.
_EXIT_WAIT_S = 1.0


class _Closeable(Protocol):
    def close(self) -> None: ...


@dataclass(frozen=True, slots=True)
class PoolSettings:
    """What the connections of a pool have in common.

    :param verify: as `LLM.environment.ca_bundle` gives it.
    :param shared: whether `close_shared` ends it.
    """

    limits: PoolLimits
    verify: bool | str
    shared: bool


class Pool:
    """The connections of one event loop to one origin. Made and used in that loop's thread.

    :param key: whom it serves.
    :param settings: what its connections have in common.
    """

    def __init__(self, key: Hashable, settings: PoolSettings) -> None:
        self.key = key
        self.loop = asyncio.get_running_loop()
        self.deadlines = Deadlines(self.loop)
        self.retired = False
        self.shared = settings.shared
        self._connector = Connector(settings.limits, tls_context(settings.verify), self._unused)
        self._closing: asyncio.Task[None] | None = None
        #: Answers that may still be read; closed with the pool.
        self.streams: weakref.WeakSet[_Closeable] = weakref.WeakSet()
        self.session = aiohttp.ClientSession(
            connector=self._connector,
            cookie_jar=aiohttp.DummyCookieJar(),
            # No deadline of aiohttp's: ours bound the whole call.
            timeout=aiohttp.ClientTimeout(),
            # Ours stops at a cap.
            auto_decompress=False,
            read_bufsize=_READ_AHEAD_BYTES,
            max_line_size=_MAX_LINE_BYTES,
            max_field_size=_MAX_LINE_BYTES,
            max_headers=_MAX_HEADERS,
        )

    def retire(self) -> None:
        """Take no further calls, and close when those in flight are done. From any thread."""
        self.retired = True
        if asyncio._get_running_loop() is self.loop:
            self._connector.retire()
            return
        # A loop that has ended took its connections along, or `drop_ended` will.
        with contextlib.suppress(RuntimeError):
            self.loop.call_soon_threadsafe(self._connector.retire)

    async def closed(self) -> None:
        """Wait until a retired pool is closed, unless calls are in flight."""
        if self._closing is not None:
            await asyncio.wait([self._closing])

    async def close(self) -> None:
        """Close all connections, those in use too."""
        self.retired = True
        _forget(self)
        self._close_streams()
        await self.session.close()
        self._connector.abort()
        # The sockets close in the loop's next turn.
        turned = self.loop.create_future()
        self.loop.call_soon(turned.set_result, None)
        await turned

    def drop(self) -> None:
        """Close the sockets of a loop that is closed, without it."""
        self.retired = True
        self._close_streams()
        self._connector.drop()
        # On a closed loop, nothing in it waits; a future that somebody waits for cannot be woken.
        closing = self.session.close()
        with contextlib.suppress(StopIteration, RuntimeError):
            closing.send(None)
        closing.close()

    def _close_streams(self) -> None:
        for stream in list(self.streams):
            stream.close()

    def _unused(self) -> None:
        if self._closing is None:
            self._closing = self.loop.create_task(self.close())


class _LoopPools:
    """The pools of one loop."""

    def __init__(self) -> None:
        self.by_key: dict[Hashable, Pool] = {}
        # Retired ones are open until their last call is done.
        self.open: set[Pool] = set()
        self._guard = self._until_the_end()
        # The first step parks the generator in the loop without waiting for anything.
        with contextlib.suppress(StopIteration):
            self._guard.__anext__().send(None)

    async def _until_the_end(self) -> AsyncGenerator[None, None]:
        loop = asyncio.get_running_loop()
        try:
            yield
        finally:
            _loops.pop(loop, None)
            await self.close()

    def make_room(self) -> None:
        """Retire the first of the shared pools when they are at their most."""
        shared = [pool for pool in self.by_key.values() if pool.shared]
        if len(shared) >= MAX_SHARED_POOLS:
            del self.by_key[shared[0].key]
            shared[0].retire()

    async def close(self) -> None:
        """Close all pools."""
        await asyncio.gather(*[pool.close() for pool in self.open])


_loops: dict[asyncio.AbstractEventLoop, _LoopPools] = {}


def pool_for(key: Hashable, settings: PoolSettings) -> Pool:
    """The pool of the running loop for `key`, made when there is none.

    :param settings: those of a new pool; one that is open keeps its own.
    """
    loop = asyncio.get_running_loop()
    pools = _loops.get(loop)
    if pools is None:
        drop_ended()
        pools = _loops[loop] = _LoopPools()
    pool = pools.by_key.get(key)
    if pool is None or pool.retired:
        if settings.shared:
            pools.make_room()
        pool = pools.by_key[key] = Pool(key, settings)
        pools.open.add(pool)
    return pool


def forsake(key: Hashable) -> list[Pool]:
    """Retire the pools for `key`, in all loops. From any thread, and by the garbage collector."""
    found = [pools.by_key.pop(key, None) for pools in list(_loops.values())]
    retired = [pool for pool in found if pool is not None]
    for pool in retired:
        pool.retire()
    return retired


async def retire(key: Hashable) -> None:
    """Retire the pools for `key`, and wait for the running loop's to close unless it is in use."""
    loop = asyncio.get_running_loop()
    for pool in forsake(key):
        if pool.loop is loop:
            await pool.closed()


async def close_shared() -> None:
    """Retire the shared pools of the running loop and wait as `retire`; drop ended loops' pools."""
    drop_ended()
    pools = _loops.get(asyncio.get_running_loop())
    for pool in list(pools.by_key.values()) if pools else []:
        if pool.shared:
            pool.retire()
            await pool.closed()


def drop_ended() -> None:
    """Close the sockets of loops that were closed without shutting down their generators."""
    for loop in list(_loops):
        if loop.is_closed() and (pools := _loops.pop(loop, None)) is not None:
            for pool in list(pools.open):
                pool.drop()


def _forget(pool: Pool) -> None:
    if (pools := _loops.get(pool.loop)) is not None:
        pools.open.discard(pool)
        if pools.by_key.get(pool.key) is pool:
            del pools.by_key[pool.key]


def _close_at_exit(pid: int) -> None:
    if os.getpid() != pid:
        return  # The sockets are the parent's.
    for loop, pools in list(_loops.items()):
        with contextlib.suppress(Exception):
            if loop.is_running():
                asyncio.run_coroutine_threadsafe(pools.close(), loop).result(_EXIT_WAIT_S)
            elif not loop.is_closed():
                loop.run_until_complete(pools.close())
    drop_ended()


atexit.register(_close_at_exit, os.getpid())


def tls_context(verify: bool | str) -> ssl.SSLContext:
    """How to check certificates; contexts are costly, and shared.

    :param verify: as `LLM.environment.ca_bundle` gives it. True means the same bundle as for the
        blocking transport.
    """
    if verify is False:
        return _unchecked_context()
    path = certifi.where() if verify is True else verify
    return _context(path, os.stat(path).st_mtime_ns)


@functools.lru_cache(maxsize=16)
def _context(path: str, _changed_ns: int) -> ssl.SSLContext:
    """:param _changed_ns: when the file was last written, so that a new one is read."""
    is_folder = os.path.isdir(path)
    context = ssl.create_default_context(
        cafile=None if is_folder else path, capath=path if is_folder else None
    )
    context.set_alpn_protocols(["http/1.1"])
    return context


@functools.lru_cache(maxsize=1)
def _unchecked_context() -> ssl.SSLContext:
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    context.set_alpn_protocols(["http/1.1"])
    return context
