"""Work that tasks of any event loop and thread wait for, and that is done once."""

from __future__ import annotations

import asyncio
import concurrent.futures
import contextlib
import copy
import threading
from collections.abc import Callable, Coroutine, Hashable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from llmring import background
from llmring.exceptions import LLMRingError

T = TypeVar("T")


@dataclass(slots=True)
class _Flight(Generic[T]):
    future: concurrent.futures.Future[T]
    n_waiting: int = 0


class SharedFlights(Generic[T]):
    """Does the work of a key once for all that ask for it meanwhile.

    It is done in the background's loop, so it goes on when the task that asked first is cancelled,
    or that task's loop has ended. When the last one who waits has left, it is cancelled.
    """

    def __init__(self) -> None:
        self._flights: dict[Hashable, _Flight[T]] = {}
        # Re-entrant: work that has ended already says so at once.
        self._lock = threading.RLock()

    async def result(self, key: Hashable, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What the work of `key` gives; `work` begins it where nobody has.

        :raises Exception: what the work raises, all who wait get.
        """
        with self._lock:
            flight = self._flights.get(key) or self._begun(key, work())
            flight.n_waiting += 1
        try:
            await _done(flight.future)
        finally:
            with self._lock:
                flight.n_waiting -= 1
                is_left = flight.n_waiting == 0 and self._flights.get(key) is flight
                if is_left:
                    del self._flights[key]
            if is_left:
                flight.future.cancel()
        try:
            return flight.future.result()
        except LLMRingError as err:
            # The calls that get it write down in it what they have tried, each its own.
            raise copy.copy(err) from err.__cause__

    async def ended(self, is_meant: Callable[[Hashable], bool]) -> None:
        """Wait until the work of all keys that are meant has ended, however that was."""
        with self._lock:
            futures = [one.future for key, one in self._flights.items() if is_meant(key)]
        for future in futures:
            await _done(future)

    def _begun(self, key: Hashable, work: Coroutine[Any, Any, T]) -> _Flight[T]:
        flight = self._flights[key] = _Flight(background.submit(work))
        flight.future.add_done_callback(lambda _: self._landed(key, flight))
        return flight

    def _landed(self, key: Hashable, flight: _Flight[T]) -> None:
        with self._lock:
            if self._flights.get(key) is flight:
                del self._flights[key]


async def _done(future: concurrent.futures.Future[Any]) -> None:
    """Wait for the end of work in another loop; cancelling the wait does nothing to it."""
    loop = asyncio.get_running_loop()
    ended = asyncio.Event()

    def tell(_: object) -> None:
        with contextlib.suppress(RuntimeError):  # the waiter's loop may have ended before
            loop.call_soon_threadsafe(ended.set)

    future.add_done_callback(tell)
    await ended.wait()
