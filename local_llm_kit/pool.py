"""Several models in one process: loaded at first need, closed when memory is wanted or unused.

A model is used through a lease and never closed under one. Callers of a model that is not there
wait for one loading, and all get its error if it fails; the next call tries again. What goes for a
new one is decided in `eviction`, and who holds what is kept in `residents`.
"""

from __future__ import annotations

import threading
import time
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Generic

from LLM.exceptions import LLMConfigError, LLMRateLimitError
from local_llm_kit.eviction import (
    Evict,
    Full,
    Holding,
    Load,
    Step,
    Wait,
    expired,
    make_room,
    next_expiry,
)
from local_llm_kit.memory_plan import format_bytes
from local_llm_kit.residents import Entry, Lease, ModelT, Residents

__all__ = ["Holding", "Lease", "ModelPool", "PoolOptions"]

#: Longest time that the keeper waits at once, in seconds; a queue takes no time without end.
_LONGEST_WAIT_S = 86_400.0

#: Loads a model by its name into so many bytes, None for no bound.
LoadModel = Callable[[str, int | None], ModelT]
#: Bytes that loading a model into so many would take; raises `LLMConfigError` if it does not fit.
SizeOfModel = Callable[[str, int], int]


@dataclass(frozen=True, slots=True)
class PoolOptions:
    """Bounds of a pool.

    :param memory_budget: bytes that all models may take together; None for no bound.
    :param keep_alive_s: seconds that an idle model stays loaded; 0 closes it at once, None keeps
        it until its memory is wanted.
    :param max_models: models that may be loaded at once; None for no bound.
    """

    memory_budget: int | None = None
    keep_alive_s: float | None = None
    max_models: int | None = None

    def __post_init__(self) -> None:
        for name, low in (("memory_budget", 1), ("keep_alive_s", 0), ("max_models", 1)):
            value = getattr(self, name)
            if value is not None and (isinstance(value, bool) or not value >= low):
                raise LLMConfigError(f"{name} is {value!r}; give a number of at least {low}")


class ModelPool(Generic[ModelT]):
    """Models by name, shared between threads; closed when nothing holds it or a lease of it.

    :param load: loads a model; called without locks, once however many callers wait.
    :param size: tells what loading would take; needed with a budget, else not called.
    :param options: bounds.
    :param clock: seconds, monotonic; tests have one of their own.
    """

    def __init__(
        self,
        load: LoadModel[ModelT],
        size: SizeOfModel | None = None,
        options: PoolOptions | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._load = load
        self._size = size
        self._options = options or PoolOptions()
        if self._options.memory_budget is not None and size is None:
            raise LLMConfigError("a pool with a memory_budget needs a function that tells sizes")
        self._clock = clock
        self._residents: Residents[ModelT] = Residents(clock)
        self._keeper: threading.Thread | None = None
        weakref.finalize(self, _close_all, self._residents)

    def lease(self, name: str, wait_s: float = 0.0) -> Lease[ModelT]:
        """Hold a model, loading it if need be.

        :param name: as `load` takes it.
        :param wait_s: seconds to wait for room while the other models are in use.
        :raises LLMConfigError: it does not fit into the budget even alone.
        :raises LLMRateLimitError: the models in use leave no room for it.
        :raises LLMServerError: the pool is closed, or this process was forked.
        :raises LLMError: what `load` raised.
        """
        residents = self._residents
        residents.check_open()
        deadline = self._clock() + wait_s
        new: Entry[ModelT] = Entry(name)
        try:
            with residents.changed:
                entry = residents.claim(new)
                if entry.model is not None:
                    return residents.hold(entry, entry.model, self)
            return self._bring(new, deadline)
        except BaseException as err:
            residents.give_up(new, err)
            raise

    def lease_ready(self, name: str) -> Lease[ModelT] | None:
        """Hold a model that is loaded; None when it is not. Never waits for one to be.

        :raises LLMServerError: the pool is closed, or this process was forked.
        """
        residents = self._residents
        residents.check_open()
        with residents.changed:
            entry = residents.get(name)
            if entry is None or entry.model is None or entry.state != "ready":
                return None
            return residents.hold(entry, entry.model, self)

    def check_open(self) -> None:
        """Refuse a pool that cannot be used.

        :raises LLMServerError: it is closed, or this process was forked.
        """
        self._residents.check_open()

    def loaded(self) -> list[Holding]:
        """The models, in the order in which they came."""
        self._residents.check_open()
        with self._residents.changed:
            return self._holdings()

    def loaded_models(self) -> list[ModelT]:
        """The models that are ready, for a look at them: no lease keeps them from being closed."""
        return [model for _, model in self.ready()]

    def ready(self) -> list[tuple[Holding, ModelT]]:
        """The models that are ready, and how each is held; see `loaded_models`."""
        self._residents.check_open()
        with self._residents.changed:
            entries = self._residents.entries()
            found = [(one.holding(), one.model) for one in entries if one.state == "ready"]
        return [(holding, model) for holding, model in found if model is not None]

    def seconds_left(self, holding: Holding) -> float | None:
        """How long a model stays loaded if nobody uses it from now on; None for ever."""
        keep_alive_s = self._options.keep_alive_s
        if keep_alive_s is None or holding.idle_since is None:
            return keep_alive_s
        return max(holding.idle_since + keep_alive_s - self._clock(), 0.0)

    def unload(self, name: str) -> bool:
        """Close a model now; False when it is not loaded, or in use."""
        self._residents.check_open()
        return self._close(lambda _: [name])

    def close_idle(self) -> float | None:
        """Close what has been idle for the keep-alive; a thread of the pool's does this in time.

        :return: seconds until the next model is due; None when none is idle.
        """
        keep_alive_s = self._options.keep_alive_s
        if keep_alive_s is None or self._residents.is_forked:
            return None
        self._close(lambda holdings: expired(holdings, keep_alive_s, self._clock()))
        with self._residents.changed:
            due = next_expiry(self._holdings(), keep_alive_s)
        return None if due is None else max(due - self._clock(), 0.0)

    def close(self, wait_s: float = 0.0) -> None:
        """Close the models, and take no more calls; repeatable.

        What is being loaded is closed by its loader.

        :param wait_s: seconds to let leases end by themselves; what then still runs on a model is
            ended by its own `close`.
        """
        residents = self._residents
        if residents.is_forked:
            return
        deadline = self._clock() + wait_s
        with residents.changed:
            residents.closed = True
            residents.changed.notify_all()
            residents.wait_until(
                lambda: not any(one.n_leases for one in self._holdings()), deadline
            )
        _close_all(residents)

    def _holdings(self, but: Entry[ModelT] | None = None) -> list[Holding]:
        return [entry.holding() for entry in self._residents.entries() if entry is not but]

    def _close(self, names_of: Callable[[list[Holding]], list[str]]) -> bool:
        """Close those of the named models that are idle; whether there were any."""

        def choose(entries: list[Entry[ModelT]]) -> list[Entry[ModelT]]:
            holdings = [entry.holding() for entry in entries]
            names = names_of(holdings)
            pairs = zip(entries, holdings, strict=True)
            return [entry for entry, one in pairs if one.is_idle and one.name in names]

        return self._residents.close(choose)

    def _bring(self, entry: Entry[ModelT], deadline: float) -> Lease[ModelT]:
        """Make room for a model and load it."""
        model = self._load(entry.name, self._make_room(entry, deadline))
        try:
            with self._residents.changed:
                self._residents.check_open()  # it may have been closed meanwhile
                self._start_keeper()
                return self._residents.hold(entry, model, self)
        except BaseException:
            model.close()
            raise

    def _make_room(self, entry: Entry[ModelT], deadline: float) -> int | None:
        """Close idle models until this one fits, and take the room; the bytes it is loaded into."""
        bound = self._options.memory_budget
        wanted = self._wanted(entry.name)
        while True:
            step = self._next_step(entry, wanted)
            if isinstance(step, Evict):
                self._evict(step.name)
            elif not isinstance(step, Full):
                return bound
            elif (smaller := self._size_within(entry.name, step.room_bytes)) is not None:
                bound, wanted = step.room_bytes, smaller
            else:
                self._wait_for_room(entry, wanted, step, deadline)

    def _wanted(self, name: str) -> int:
        """Bytes that a model takes in a pool of its own."""
        budget = self._options.memory_budget
        return 0 if budget is None or self._size is None else self._size(name, budget)

    def _size_within(self, name: str, room_bytes: int | None) -> int | None:
        """Bytes of a model made to fit beside those in use; None if it cannot be."""
        if not room_bytes or room_bytes < 0 or self._size is None:
            return None
        try:
            size = self._size(name, room_bytes)
        except LLMConfigError:
            return None
        return size if size <= room_bytes else None

    def _evict(self, name: str) -> None:
        self._close(lambda _: [name])

    def _next_step(self, entry: Entry[ModelT], wanted: int) -> Step:
        """What to do now. With `Load` the room is taken."""
        with self._residents.changed:
            while True:
                self._residents.check_open()
                step = self._decide(entry, wanted)
                if isinstance(step, Load):
                    entry.size_bytes, entry.state = wanted, "loading"
                if not isinstance(step, Wait):
                    return step
                self._residents.changed.wait()

    def _decide(self, entry: Entry[ModelT], wanted: int) -> Step:
        options = self._options
        others = self._holdings(but=entry)
        return make_room(wanted, others, options.memory_budget, options.max_models)

    def _wait_for_room(
        self, entry: Entry[ModelT], wanted: int, full: Full, deadline: float
    ) -> None:
        """Wait until something of the other models changes.

        :raises LLMRateLimitError: nothing did in time.
        """
        residents = self._residents
        with residents.changed:
            if residents.wait_until(lambda: self._decide(entry, wanted) != full, deadline):
                return
        left = (
            f"{self._options.max_models} models may be loaded at once"
            if full.room_bytes is None
            else f"{format_bytes(max(full.room_bytes, 0))} of memory_budget are left"
        )
        raise LLMRateLimitError(
            f"{entry.name!r} cannot be loaded beside the models in use "
            f"({', '.join(map(repr, full.users))}): {left}; ask again when a call has ended, or "
            "raise the bound",
            status_code=429,
            code="models_in_use",
        )

    def _start_keeper(self) -> None:
        if self._options.keep_alive_s is not None and self._keeper is None:
            self._keeper = threading.Thread(
                target=_keep,
                args=(weakref.ref(self), self._residents.alarm),
                name="model pool's keeper",
                daemon=True,
            )
            self._keeper.start()


def _keep(pool_ref: weakref.ref[ModelPool[ModelT]], alarm: SimpleQueue[bool]) -> None:
    """Close idle models in time, as long as there is a pool; it is not held meanwhile."""
    timeout: float | None = None
    while True:
        try:
            if not alarm.get(timeout=timeout):
                return
        except Empty:
            pass
        pool = pool_ref()
        if pool is None:
            return
        due_s = pool.close_idle()
        timeout = None if due_s is None else min(due_s, _LONGEST_WAIT_S)
        del pool


def _close_all(residents: Residents[ModelT]) -> None:
    """Close every model that is there; those on their way in or out are closed by others."""
    if residents.is_forked:
        return
    with residents.changed:
        residents.closed = True
    residents.alarm.put(False)
    residents.close(lambda entries: [entry for entry in entries if entry.state == "ready"])
    with residents.changed:
        while any(entry.state == "closing" for entry in residents.entries()):
            residents.changed.wait()
