"""A bound on what is done at once, and on who waits for it."""

from __future__ import annotations

import asyncio

from LLM.exceptions import LLMServerError


class Gate:
    """Lets some requests through, has some wait, and sends the rest away. One loop's own.

    :param n_running: requests under way at once; a database has so many connections.
    :param max_waiting: requests that wait beyond those.
    """

    def __init__(self, n_running: int = 16, max_waiting: int = 784) -> None:
        self._running = asyncio.Semaphore(n_running)
        self._max_waiting = max_waiting
        self._n_waiting = 0
        self._n_running = 0

    @property
    def n_running(self) -> int:
        """Requests under way."""
        return self._n_running

    @property
    def n_waiting(self) -> int:
        """Requests that wait for one of those to end."""
        return self._n_waiting

    async def __aenter__(self) -> None:
        """Wait for a place.

        :raises LLMServerError: too many wait already.
        """
        if self._n_waiting >= self._max_waiting:
            raise LLMServerError(
                f"{self._n_waiting} requests are waiting already; try again later",
                status_code=503,
                retry_after=1,
                code="busy",
            )
        self._n_waiting += 1
        try:
            await self._running.acquire()
        finally:
            self._n_waiting -= 1
        self._n_running += 1

    async def __aexit__(self, *exc_info: object) -> None:
        self._n_running -= 1
        self._running.release()
