"""Threads for what would hold up the event loop: a bounded number, with a bounded queue."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from LLM.exceptions import LLMRateLimitError

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
        self._n_calls = 0

    async def run(self, work: Callable[[], T]) -> T:
        """What `work` gives. Begun, it is not stopped when the caller is cancelled.

        :raises LLMRateLimitError: too many are waiting.
        """
        if self._n_calls >= self._most:
            raise queue_full(self._n_calls)
        self._n_calls += 1
        future = asyncio.get_running_loop().run_in_executor(self._executor, work)
        future.add_done_callback(self._ended)
        return await future

    def _ended(self, _: asyncio.Future[T]) -> None:
        self._n_calls -= 1

    def close(self) -> None:
        """Take no more work; what runs goes on to its end, what waits is dropped."""
        self._executor.shutdown(wait=False, cancel_futures=True)


def queue_full(n_waiting: int) -> LLMRateLimitError:
    """The error for a request that finds no place to wait."""
    return LLMRateLimitError(
        f"{n_waiting} requests are waiting already; try again later",
        status_code=429,
        retry_after=1,
        code="queue_full",
    )
