"""The models of a pool and who uses them: state behind one condition variable.

Nothing slow is done while it is held: models are loaded and closed outside, their entries in the
state that says so. A lease may be dropped by the garbage collector, which can run anywhere, in the
middle of this file too: so a dropped lease takes no lock, but leaves a note that the next one who
has the lock reads.

Ctrl-C can come between any two steps. So leases are not counted but noted one by one, and a lease
is let go as often as need be: when its release was interrupted, once more when it is dropped.
"""

from __future__ import annotations

import os
import threading
import weakref
from collections import deque
from collections.abc import Callable
from functools import partial
from queue import SimpleQueue
from typing import Generic, Protocol, TypeVar

from LLM.exceptions import LLMServerError
from local_llm_kit.eviction import Holding, State


class Closable(Protocol):
    """What a pool holds."""

    def close(self) -> None:
        """Give the memory back; repeatable."""


ModelT = TypeVar("ModelT", bound=Closable)

#: Longest time, in seconds, until a waiting thread looks for dropped leases, which wake nobody.
_LOOK_S = 0.05


class Entry(Generic[ModelT]):
    """A model on its way in, inside, or on its way out; changed under the lock alone.

    :ivar error: what its loading raised, for those who wait for it.
    :ivar leases: marks of those that hold it.
    """

    def __init__(self, name: str) -> None:
        self.name = name
        self.model: ModelT | None = None
        self.error: Exception | None = None
        self.size_bytes = 0
        self.leases: set[object] = set()
        self.idle_since: float | None = None
        self.state: State = "waiting"

    def holding(self) -> Holding:
        """How it is now."""
        return Holding(self.name, self.size_bytes, len(self.leases), self.idle_since, self.state)


class Lease(Generic[ModelT]):
    """A model that stays loaded until this is released, or dropped. Also a context manager.

    :ivar model: the model.
    :ivar mark: stands for this among the leases of an entry.
    """

    def __init__(
        self, model: ModelT, entry: Entry[ModelT], residents: Residents[ModelT], owner: object
    ) -> None:
        self.model = model
        self._entry = entry
        self._residents = residents
        self._owner: object = owner  # held: a pool that nothing holds is closed
        self.mark = object()
        self._finalizer = weakref.finalize(self, residents.drop, entry, self.mark)
        self._finalizer.atexit = False

    def __enter__(self) -> ModelT:
        return self.model

    def __exit__(self, *exc_info: object) -> None:
        self.release()

    def release(self) -> None:
        """Let the model go; repeatable, from any thread."""
        if self._finalizer.alive:
            self._residents.release(self._entry, self.mark)
            self._finalizer.detach()
            self._owner = None


class Residents(Generic[ModelT]):
    """The entries of a pool.

    :param clock: seconds, monotonic.

    :ivar changed: the lock, notified at every change.
    :ivar alarm: gets True when a model may have become idle, and False at the end.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.changed = threading.Condition()
        self.alarm: SimpleQueue[bool] = SimpleQueue()
        self.closed = False
        self._clock = clock
        self._entries: dict[str, Entry[ModelT]] = {}
        self._dropped: deque[tuple[Entry[ModelT], object]] = deque()
        self._pid = os.getpid()

    @property
    def is_forked(self) -> bool:
        """Whether this is a child of the process that loaded the models."""
        return self._pid != os.getpid()

    def check_open(self) -> None:
        """Refuse a pool that cannot be used; takes no lock.

        :raises LLMServerError: it is closed, or another process's.
        """
        if self.is_forked:
            raise LLMServerError(
                "this process was forked from the one that loaded the models, and threads do not "
                "follow; make the client after the fork, or start processes by 'spawn'",
                status_code=503,
                code="engine_closed",
            )
        if self.closed:
            raise LLMServerError("the client is closed", status_code=503, code="engine_closed")

    def entries(self) -> list[Entry[ModelT]]:
        """All entries, as dropped leases leave them; the lock is held."""
        while self._dropped:
            self._let_go(*self._dropped.popleft())
        return list(self._entries.values())

    def get(self, name: str) -> Entry[ModelT] | None:
        """The entry of a name; the lock is held."""
        return self._entries.get(name)

    def claim(self, new: Entry[ModelT]) -> Entry[ModelT]:
        """The entry of a model that is ready, or `new` for the caller to load; lock held.

        :param new: the caller's own, so that it can `give_up` whatever happens from now on.
        :raises LLMError: another thread was loading it and failed.
        """
        while True:
            self.check_open()
            entry = self._entries.setdefault(new.name, new)
            if entry is new:
                return new
            if entry.state == "ready":
                return entry
            self.changed.wait_for(partial(self._has_settled, entry))
            if entry.error is not None:
                raise entry.error

    def _has_settled(self, entry: Entry[ModelT]) -> bool:
        """Whether a model is in or gone."""
        return entry.state == "ready" or self._entries.get(entry.name) is not entry

    def hold(self, entry: Entry[ModelT], model: ModelT, owner: object) -> Lease[ModelT]:
        """A lease of a model; the lock is held."""
        entry.model, entry.state, entry.idle_since = model, "ready", None
        lease = Lease(model, entry, self, owner)
        entry.leases.add(lease.mark)
        self.changed.notify_all()
        return lease

    def give_up(self, entry: Entry[ModelT], error: BaseException) -> None:
        """Tell those who wait that loading failed; after a Ctrl-C one of them tries itself."""
        with self.changed:
            if self._entries.get(entry.name) is entry:
                entry.error = error if isinstance(error, Exception) else None
                del self._entries[entry.name]
                self.changed.notify_all()

    def close(self, choose: Callable[[list[Entry[ModelT]]], list[Entry[ModelT]]]) -> bool:
        """Close models that are ready; whether there were any. No new lease finds them meanwhile.

        Ctrl-C comes through once all are closed: others would wait for the rest without end.

        :param choose: given all entries, with the lock held; those to close.
        """
        chosen: list[Entry[ModelT]] = []
        try:
            with self.changed:
                chosen += choose(self.entries())
                for entry in chosen:
                    entry.state = "closing"
            self._finish(chosen)
        except BaseException:
            try:
                self._finish(chosen)
            finally:
                for entry in chosen:
                    self._forget(entry)
            raise
        return bool(chosen)

    def _finish(self, entries: list[Entry[ModelT]]) -> None:
        """Close what is marked so and still there."""
        for entry in entries:
            if entry.model is not None and entry.state == "closing":
                entry.model.close()
            self._forget(entry)

    def _forget(self, entry: Entry[ModelT]) -> None:
        with self.changed:
            if entry.state == "closing" and self._entries.get(entry.name) is entry:
                entry.model = None
                del self._entries[entry.name]
                self.changed.notify_all()

    def release(self, entry: Entry[ModelT], mark: object) -> None:
        """End a lease; repeatable."""
        if self.is_forked:  # the lock may be held by a thread that is not here
            return
        with self.changed:
            self._let_go(entry, mark)

    def drop(self, entry: Entry[ModelT], mark: object) -> None:
        """End a lease without taking the lock: the collector calls this."""
        self._dropped.append((entry, mark))
        self._ring()

    def _let_go(self, entry: Entry[ModelT], mark: object) -> None:
        entry.leases.discard(mark)
        if not entry.leases and entry.idle_since is None:
            entry.idle_since = self._clock()
            self.changed.notify_all()
            self._ring()

    def _ring(self) -> None:
        if self.alarm.empty():  # nobody may be listening; one is enough
            self.alarm.put(True)

    def wait_until(self, is_so: Callable[[], bool], deadline: float) -> bool:
        """Wait, with the lock held, until something is so; False when the time is up.

        :param deadline: in the clock's seconds.
        """
        while not is_so():
            left = deadline - self._clock()
            if left <= 0:
                return False
            self.changed.wait(min(left, _LOOK_S))
        return True
