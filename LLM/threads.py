"""Work that blocks, in threads that hold nothing up."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
from collections.abc import Callable
from typing import Any, TypeVar

T = TypeVar("T")


async def in_daemon_thread(work: Callable[[], T], name: str) -> T:
    """What `work` gives, in a thread of its own, which sees the caller's context variables.

    Unlike asyncio's threads, it may begin while the program ends, and where it hangs, the program
    ends all the same. Cancelling the wait does not stop it; what it gives then is dropped.

    :param name: the thread's, for people.
    :raises Exception: what `work` raises; RuntimeError for what only ends a thread or a loop over
        an iterator, such as SystemExit.
    """
    return await begun_in_daemon_thread(work, name)


def begun_in_daemon_thread(work: Callable[[], T], name: str) -> asyncio.Future[T]:
    """As `in_daemon_thread`, begun at once, for who waits in a way of their own.

    It is no task, which a loop that ends would cancel.
    """
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()
    context = contextvars.copy_context()

    def settle(set_it: Callable[[Any], None], value: Any) -> None:
        if not done.done():
            set_it(value)

    def run() -> None:
        told: tuple[Callable[[Any], None], Any]
        try:
            told = done.set_result, context.run(work)
        except BaseException as err:  # noqa: BLE001  # whoever waits is told
            # A future takes no StopIteration; and an exit is the thread's alone.
            if not isinstance(err, Exception) or isinstance(err, StopIteration):
                err = RuntimeError(f"it ended with {type(err).__name__}")
            told = done.set_exception, err
        with contextlib.suppress(RuntimeError):  # the loop is closed: nobody waits any more
            loop.call_soon_threadsafe(settle, *told)

    threading.Thread(target=run, name=name, daemon=True).start()
    return done
