"""Work in the background's event loop, whose events come to the main thread."""

from __future__ import annotations

import asyncio
import queue
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar

from llmring import background

EventT = TypeVar("EventT")

#: Seconds that cancelled work has to end; a tool that hangs must not keep the user from typing.
_MOST_TO_STOP_S = 5.0


@dataclass(frozen=True, slots=True)
class _End:
    error: BaseException | None


class Work(Generic[EventT]):
    """What a coroutine tells while it runs: iterate it in a ``with`` block, which it ends with.

    :param run: gives the coroutine; it is handed what takes an event, from the loop's thread.
    """

    def __init__(self, run: Callable[[Callable[[EventT], None]], Awaitable[None]]) -> None:
        self._run = run
        self._events: queue.SimpleQueue[EventT | _End] = queue.SimpleQueue()
        self._task: asyncio.Future[None] | None = None
        self._has_ended = False

    def __enter__(self) -> Self:
        background.begin(self._watch())
        return self

    def __iter__(self) -> Iterator[EventT]:
        """The events, until the work ends.

        :raises BaseException: what ended the work.
        """
        while not self._has_ended:
            event = self._events.get()
            if not isinstance(event, _End):
                yield event
                continue
            self._has_ended = True
            if event.error is not None:
                raise event.error

    def __exit__(self, *exc_info: object) -> None:
        """Cancel what still runs, and wait for its end."""
        if self._has_ended:
            return
        background.begin(self._stop())
        last = time.monotonic() + _MOST_TO_STOP_S
        try:
            while not isinstance(self._events.get(timeout=max(0, last - time.monotonic())), _End):
                continue
        except queue.Empty:
            return  # it ends when it ends

    async def _watch(self) -> None:
        self._task = asyncio.ensure_future(self._run(self._events.put))
        # Not awaited itself: it may end cancelled, and that has to be told as well.
        await asyncio.wait([self._task])
        error = None if self._task.cancelled() else self._task.exception()
        self._events.put(_End(error))

    async def _stop(self) -> None:
        # What was begun first runs first: there is a task.
        assert self._task is not None
        self._task.cancel()


def result(work: Callable[[], Awaitable[Any]]) -> Any:
    """What a coroutine gives. Ctrl-C cancels it, and waits for its end.

    :raises KeyboardInterrupt: Ctrl-C was pressed.
    """
    results: list[Any] = []

    async def run(_: Callable[[object], None]) -> None:
        results.append(await work())

    with Work(run) as running:
        for _ in running:
            continue
    return results[0]
