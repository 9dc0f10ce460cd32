"""Threads for what would hold up the event loop: a bounded number, with a bounded queue."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import TypeVar

from LLM.exceptions import LLMRateLimitError, LLMServerError

T = TypeVar("T")


class Workers:
    """Runs functions on threads.

    :param name: what the threads are for; begins their names.
    :param n_threads: how many run at once.
    :param max_waiting: how many may wait beyond those.
    """

    def __init__(self, name: str, n_threads: int, max_waiting: int) -> None:
        self._executor = ThreadPoolExecutor(n_threads, thread_name_prefix=f"{name}-")
        self._most = n_threads + max_waiting
        self._lock = threading.Lock()
        self._n_calls = 0

    @property
    def n_calls(self) -> int:
        """Functions that run or wait."""
        return self._n_calls

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives. Of a caller that is cancelled, what waits is dropped; begun, it ends.

        :raises LLMRateLimitError: too many are waiting.
        :raises LLMServerError: the server is shutting down.
        """
        return await outcome(self.submit(work))

    def submit(self, work: Callable[[], T]) -> Future[T]:
        """What `work` will give, for a caller that must know when it has ended.

        :raises LLMRateLimitError: too many are waiting.
        :raises LLMServerError: the server is shutting down.
        """
        with self._lock:
            if self._n_calls >= self._most:
                raise queue_full(self._n_calls)
            self._n_calls += 1
        try:
            future = self._executor.submit(work)
        except RuntimeError:
            self._ended()
            raise _shutting_down() from None
        future.add_done_callback(self._ended)
        return future

    def _ended(self, _: object = None) -> None:
        # On the thread that did it: whoever waited may be gone by now.
        with self._lock:
            self._n_calls -= 1

    def close(self) -> None:
        """Take no more work; what runs goes on to its end, what waits is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)


async def outcome(future: Future[T]) -> T:
    """What a submitted function gives.

    :raises LLMServerError: it was dropped, as the server is shutting down.
    """
    try:
        return await asyncio.wrap_future(future)
    except asyncio.CancelledError:
        task = asyncio.current_task()
        if task is not None and task.cancelling():
            raise
        raise _shutting_down() from None  # `close` did it, not the caller's leaving


def _shutting_down() -> LLMServerError:
    return LLMServerError("the server is shutting down", status_code=503, code="engine_closed")


def queue_full(n_waiting: int) -> LLMRateLimitError:
    """The error for a request that finds no place to wait."""
    return LLMRateLimitError(
        f"{n_waiting} requests are waiting already; try again later",
        status_code=429,
        retry_after=1,
        code="queue_full",
    )
