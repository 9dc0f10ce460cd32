"""Work that many tasks wait for and one does."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any, Generic, TypeVar

from LLM.exceptions import LLMTimeoutError

T = TypeVar("T")


class SingleFlight(Generic[T]):
    """Does the work of a key once for all tasks that ask for it meanwhile.

    It goes on when the task that asked first is cancelled, for others may wait for it. Each event
    loop does its own; threads may share this.

    :param work: does it, given the key. What it raises, all who wait get.
    """

    def __init__(self, work: Callable[[str], Coroutine[Any, Any, T]]) -> None:
        self._work = work
        self._flights: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Task[T]] = {}

    async def result(self, key: str, timeout_s: float, late: str) -> T:
        """What the work of `key` gives.

        :param timeout_s: seconds to wait for it.
        :param late: what was not done in time, for the error.
        :raises LLMTimeoutError: it takes longer; it goes on.
        """
        flight = self._flight(key)
        try:
            async with asyncio.timeout(timeout_s) as limit:
                return await asyncio.shield(flight)
        except TimeoutError:
            if not limit.expired():
                raise
        raise LLMTimeoutError(
            f"{late} within {timeout_s:g} seconds; that goes on, so ask again later, or raise "
            "timeout",
            code="total",
        )

    def _flight(self, key: str) -> asyncio.Task[T]:
        at = asyncio.get_running_loop(), key
        flight = self._flights.get(at)
        if flight is None:
            for loop, other in [one for one in list(self._flights) if one[0].is_closed()]:
                self._flights.pop((loop, other), None)
            flight = self._flights[at] = asyncio.create_task(self._work(key))
            flight.add_done_callback(lambda done: self._land(at, done))
        return flight

    def _land(self, at: tuple[asyncio.AbstractEventLoop, str], flight: asyncio.Task[T]) -> None:
        self._flights.pop(at, None)
        if not flight.cancelled():
            flight.exception()  # asyncio would complain of one for which nobody waits any more
