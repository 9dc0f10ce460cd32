"""Deadlines of calls, as `asyncio.timeout` sets them, with one timer for all that are as long.

asyncio makes a timer for each call, and cancels it: 6 µs of the 180 that a call takes.
"""

from __future__ import annotations

import asyncio
from types import TracebackType
from typing import Self

#: Lengths whose timer is kept without a call. Who gives each call the rest of some time has ever
#: new lengths, whose timers would stay for as long as they are.
_MAX_IDLE_LENGTHS = 64


class Deadlines:
    """The deadlines of one event loop, used in its thread."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        # By length in seconds; within one length, a dict keeps the order in which they end.
        self._running: dict[float, dict[_Deadline, None]] = {}
        self._timers: dict[float, asyncio.TimerHandle] = {}

    def within(self, seconds: float) -> _Deadline:
        """A block that the current task must leave in `seconds`, or is cancelled.

        :raises TimeoutError: from the block's end, when it was.
        """
        when = self._loop.time() + seconds
        running = self._running.get(seconds)
        if running is None:
            running = self._running[seconds] = {}
            self._timers[seconds] = self._loop.call_at(when, self._fire, seconds)
        deadline = _Deadline(self, seconds, when)
        running[deadline] = None
        return deadline

    def leave(self, deadline: _Deadline) -> None:
        """A block was left in time."""
        running = self._running[deadline.seconds]
        del running[deadline]
        if not running and len(self._running) > _MAX_IDLE_LENGTHS:
            del self._running[deadline.seconds]
            self._timers.pop(deadline.seconds).cancel()

    def _fire(self, seconds: float) -> None:
        running = self._running[seconds]
        now = self._loop.time()
        for deadline in list(running):
            if deadline.when > now:
                self._timers[seconds] = self._loop.call_at(deadline.when, self._fire, seconds)
                return
            del running[deadline]
            deadline.pass_()
        del self._running[seconds], self._timers[seconds]


class _Deadline:
    __slots__ = ("_cancelling", "_deadlines", "_passed", "_task", "seconds", "when")

    def __init__(self, deadlines: Deadlines, seconds: float, when: float) -> None:
        self.seconds = seconds
        self.when = when
        self._deadlines = deadlines
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
            self._deadlines.leave(self)
            return
        # Somebody else may have cancelled the task, too; that is for them to see.
        if self._task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
