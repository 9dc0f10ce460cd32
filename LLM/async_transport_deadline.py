"""Deadlines of calls, as `asyncio.timeout` sets them, with one timer for all that are as long.

asyncio makes a timer for each call, and cancels it: 6 µs of the 180 that a call takes.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self


class Deadlines:
    """The deadlines of one event loop, used in its thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # By length in seconds; within one length, a dict keeps the order in which they end.
        self._running: dict[float, dict[_Deadline, None]] = {}

    def within(self, seconds: float) -> _Deadline:
        """A block that the current task must leave in `seconds`, or is cancelled.

        :raises TimeoutError: from the block's end, when it was.
        """
        when = self._loop.time() + seconds
        running = self._running.get(seconds)
        if running is None:
            running = self._running[seconds] = {}
            self._loop.call_at(when, self._fire, seconds)
        deadline = _Deadline(when, running)
        running[deadline] = None
        return deadline

    def _fire(self, seconds: float) -> None:
        running = self._running[seconds]
        now = self._loop.time()
        for deadline in list(running):
            if deadline.when > now:
                self._loop.call_at(deadline.when, self._fire, seconds)
                return
            del running[deadline]
            deadline.pass_()
        del self._running[seconds]


class _Deadline:
    __slots__ = ("_cancelling", "_passed", "_running", "_task", "when")

    def __init__(self, when: float, running: dict[_Deadline, None]) -> None:
        self.when = when
        self._running = running
        self._passed = False
        task = asyncio.current_task()
        if task is None:
            raise RuntimeError("a call needs a task to run in")
        self._task = task
        self._cancelling = task.cancelling()

    def pass_(self) -> None:
        """Cancel the task that has not left in time."""
        self._passed = True
        self._task.cancel()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self._passed:
            del self._running[self]
            return
        # Somebody else may have cancelled the task, too; that is for them to see.
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
