"""An event loop in a thread, for callers that have none: what `ring.chat(...).content` runs in.

There is one for the process, so that connections outlive a call, and it ends with the process.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
import os
import select
import selectors
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class _Background:
    """The loop and its thread, started when first needed."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._selector: selectors.DefaultSelector | None = None
        # Re-entrant: the garbage collector ends streams, in any thread at any time.
        self._lock = threading.RLock()

    def begin(self, work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
        return asyncio.run_coroutine_threadsafe(work, self._running())

    def is_here(self) -> bool:
        """Whether the caller runs in the loop."""
        return self._loop is not None and asyncio._get_running_loop() is self._loop

    def _running(self) -> asyncio.AbstractEventLoop:
        with self._lock:
            if self._loop is None:
                self._loop = self._made()
                thread = threading.Thread(
                    target=self._loop.run_forever, name="llmring", daemon=True
                )
                thread.start()
            return self._loop

    def _made(self) -> asyncio.AbstractEventLoop:
        if not hasattr(os, "fork"):
            return asyncio.new_event_loop()
        self._selector = selectors.DefaultSelector()
        return asyncio.SelectorEventLoop(self._selector)

    def leave_to_parent(self) -> None:
        """Take a forked child's hands off the loop.

        Parent and child have one epoll object: a connection that the child takes out of it, if only
        by freeing it as it ends, is one that the parent's loop never hears of again.
        """
        if self._selector is not None and hasattr(select, "epoll"):
            with select.epoll() as own:
                os.dup2(own.fileno(), self._selector.fileno(), inheritable=False)


_background = _Background()


def _begin_anew() -> None:
    """A forked child has the loop, but no thread that runs it."""
    global _background
    _background.leave_to_parent()
    _background = _Background()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_begin_anew)


def run(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine. The caller's thread waits; it must run no loop of its own.

    :raises BaseException: what the coroutine raises; Ctrl-C cancels it.
    """
    future = _background.begin(work)
    try:
        return future.result()
    except BaseException:
        # Ctrl-C ends the wait; the call must not go on, and be billed, behind it.
        future.cancel()
        raise
    finally:
        # Otherwise an error and its traceback would hold each other, and what the call held.
        del future


def begin(work: Coroutine[Any, Any, None]) -> None:
    """Have a coroutine run, without waiting for its end. From any thread."""
    _background.begin(work)


def submit(work: Coroutine[Any, Any, T]) -> concurrent.futures.Future[T]:
    """Have a coroutine run. :return: what tells of its end. From any thread."""
    return _background.begin(work)


async def awaited(work: Coroutine[Any, Any, T]) -> T:
    """The result of a coroutine that runs in the background's loop, to await in any loop.

    What belongs to a loop, such as a pool of connections, is used so from all. Cancelling the wait
    cancels the work.
    """
    return await (work if _background.is_here() else asyncio.wrap_future(_background.begin(work)))
