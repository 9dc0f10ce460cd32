"""Calls written down while the ring goes on: no call waits for the log, and none fails by it.

What is to be written waits in memory and is written in batches, in the background. What cannot be
written is left out, and the log of the program tells how much.
"""

from __future__ import annotations

import asyncio
import atexit
import concurrent.futures
import logging
import os
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any
from uuid import uuid4

from llmring import background
from llmring.conversations.protocol import UsageStore
from llmring.conversations.types import UsageRecord, now

_logger = logging.getLogger("llmring.usage")

#: Most calls that wait to be written; further ones are left out.
MAX_WAITING = 10_000
#: Calls that are written in one transaction.
BATCH = 500
#: Seconds between two tries to write.
RETRY_S = 1.0
#: Longest wait for the log when the program ends, in seconds.
EXIT_S = 2.0
_logs: weakref.WeakSet[UsageLog] = weakref.WeakSet()


class UsageLog:
    """A usage log that is written in the background. Threads and tasks may share it.

    :param open_store: gives the store, when there is something to write; in a thread of its own,
        since loading a database takes half a second.
    :param origin: who calls.
    :param price: puts the cost into the usage of a ``provider:model``, in the background; None
        where it is in there already.
    """

    def __init__(
        self,
        open_store: Callable[[], UsageStore],
        origin: str,
        price: Callable[[str, dict[str, Any]], dict[str, Any]] | None = None,
    ) -> None:
        self._price = price
        self._open_store = open_store
        self._origin = origin
        self._store: UsageStore | None = None
        self._waiting: deque[dict[str, Any]] = deque()
        self._lock = threading.Lock()
        self._writing: concurrent.futures.Future[None] | None = None
        self._n_lost = 0
        self._pid = os.getpid()
        _logs.add(self)

    def call(
        self,
        model: str,
        usage: Mapping[str, Any] | None,
        *,
        alias: str | None = None,
        profile: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Note a call that was made. Takes microseconds and never raises.

        :param model: ``provider:model``.
        :param usage: as `LLMResponse.usage`.
        :param alias: what was asked; a model by its own name is no alias.
        :param metadata: further facts; ``id_at_origin`` and ``conversation_id`` in it go into the
            fields of that name.
        """
        entry = {"id": uuid4(), "timestamp": now(), "model": model, "usage": usage, "alias": alias,
                 "profile": profile, "metadata": metadata}  # fmt: skip
        if self._pid != os.getpid():
            self._begin_anew()
        with self._lock:
            if len(self._waiting) >= MAX_WAITING:
                self._n_lost += 1
                return
            self._waiting.append(entry)
            if self._writing is None or self._writing.done():
                self._writing = background.submit(self._write())

    async def flush(self, timeout_s: float = 5.0) -> bool:
        """Wait until all is written. :return: whether it is."""
        writing = self._writing
        if writing is None:
            return True
        waiter = asyncio.wrap_future(writing)
        done, _ = await asyncio.wait([asyncio.shield(waiter)], timeout=timeout_s)
        return bool(done)

    def flush_now(self, timeout_s: float) -> None:
        """The same, for callers without an event loop."""
        if self._writing is not None:
            concurrent.futures.wait([self._writing], timeout_s)

    async def close(self) -> None:
        """Write what waits, and close the store that was opened. Repeatable."""
        await self.flush()
        store, self._store = self._store, None
        if store is not None:
            await store.close()

    def _begin_anew(self) -> None:
        """A forked child has no thread that writes; what waited is the parent's to write."""
        self._pid = os.getpid()
        self._lock = threading.Lock()
        self._waiting.clear()
        self._writing = None

    async def _write(self) -> None:
        while True:
            with self._lock:
                taken = [self._waiting.popleft() for _ in range(min(BATCH, len(self._waiting)))]
                lost, self._n_lost = self._n_lost, 0
                if not taken and not lost:
                    # Under the lock: a call that comes now begins another writer.
                    self._writing = None
                    return
            if lost:
                _logger.warning("%d calls are not in the usage log: too many at once", lost)
            await self._keep(taken)

    async def _keep(self, taken: list[dict[str, Any]]) -> None:
        for is_last in (False, True):
            try:
                if self._store is None:
                    self._store = await _in_thread(self._open_store)
                for entry in taken:
                    if self._price is not None and entry["usage"]:
                        entry["usage"] = self._price(entry["model"], dict(entry["usage"]))
                await self._store.add_usage([record(entry, self._origin) for entry in taken])
            except Exception as err:  # noqa: BLE001  # the log may not fail a call, whatever it is
                if is_last:
                    _logger.warning("%d calls are not in the usage log: %s", len(taken), err)
                else:
                    await asyncio.sleep(RETRY_S)
            else:
                return


def record(entry: Mapping[str, Any], origin: str) -> UsageRecord:
    """The record of a call, from what was noted of it."""
    provider, _, model = entry["model"].partition(":")
    usage = entry["usage"] or {}
    facts = dict(entry["metadata"] or {})
    alias = entry["alias"]
    known = {name: facts.pop(name, None) for name in ("id_at_origin", "conversation_id")}
    if usage.get("cost_status") not in (None, "priced"):
        facts["cost_status"] = usage["cost_status"]
    return UsageRecord(
        id=entry["id"],
        timestamp=entry["timestamp"],
        model=model,
        provider=provider,
        input_tokens=usage.get("prompt_tokens") or 0,
        output_tokens=usage.get("completion_tokens") or 0,
        cached_input_tokens=usage.get("cached_tokens") or 0,
        cost=usage.get("cost"),
        origin=origin,
        alias=None if alias == entry["model"] else alias,
        profile=entry["profile"],
        metadata=facts,
        **known,
    )


async def _in_thread(work: Callable[[], UsageStore]) -> UsageStore:
    """What `work` gives; unlike asyncio's own threads, this one may begin at the program's end."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[UsageStore] = loop.create_future()

    def run() -> None:
        try:
            store = work()
        except BaseException as err:  # noqa: BLE001  # whoever waits is told
            loop.call_soon_threadsafe(future.set_exception, err)
        else:
            loop.call_soon_threadsafe(future.set_result, store)

    threading.Thread(target=run, name="llmring-usage", daemon=True).start()
    return await future


@atexit.register
def _flush_all() -> None:
    """Write what still waits when the program ends."""
    last = time.monotonic() + EXIT_S
    for log in list(_logs):
        log.flush_now(max(0.0, last - time.monotonic()))
