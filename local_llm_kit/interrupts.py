"""Work in C that a Ctrl-C must not get lost in."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import TypeVar

T = TypeVar("T")


def off_the_main_thread(
    build: Callable[[], T], discard: Callable[[T], None], stop: Callable[[], None] | None = None
) -> T:
    """Build something in a thread of its own, while the main thread waits for it.

    Python raises a Ctrl-C in whatever Python code the main thread runs next. While a library loads
    a model there, that is the callback of its log, and ctypes throws away what a callback raises:
    the model would go on loading, and the program after it.

    :param discard: given what was built after all, when the wait was interrupted.
    :param stop: called when the wait is interrupted, to make `build` end early, with any error.
    :return: what `build` gives; what it raises is raised.
    """
    if threading.current_thread() is not threading.main_thread():
        return build()
    future: Future[T] = Future()
    thread = threading.Thread(target=_fulfil, args=(future, build), name="llm-kit loader")
    try:
        thread.start()
        return future.result()
    except BaseException:
        if stop is not None:
            stop()
        # What has begun is waited for: C gives its memory back itself.
        if not future.cancel() and future.exception() is None:
            discard(future.result())
        raise


def _fulfil(future: Future[T], build: Callable[[], T]) -> None:
    if not future.set_running_or_notify_cancel():
        return
    try:
        future.set_result(build())
    except BaseException as err:  # noqa: BLE001 - the waiting thread raises it
        future.set_exception(err)
