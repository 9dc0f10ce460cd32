"""Waiting as long as a recorded answer took, for threads and for coroutines."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

# Whoever ends a stream from another thread need not wait longer for the one that sleeps.
_NAP_S = 0.1


class Schedule:
    """When the parts of an answer come, counted from when it was asked for.

    :param pace: 1 is as it was recorded, 0.5 twice as fast, 0 at once.
    """

    def __init__(self, pace: float) -> None:
        self._pace = pace
        self._start = time.monotonic()
        self._ended = False

    def end(self) -> None:
        """Wait no more."""
        self._ended = True

    def wait_until(self, seconds: float) -> None:
        """Sleep until so many recorded seconds are over."""
        for nap_s in self._naps(seconds):
            time.sleep(nap_s)

    async def wait_until_async(self, seconds: float) -> None:
        """The twin of `wait_until`; other tasks have a turn in any case."""
        await asyncio.sleep(0)
        for nap_s in self._naps(seconds):
            await asyncio.sleep(nap_s)

    def _naps(self, seconds: float) -> Iterator[float]:
        if self._pace == 0:
            return
        left_s = self._start + seconds * self._pace - time.monotonic()
        while left_s > 0 and not self._ended:
            yield min(left_s, _NAP_S)
            left_s -= _NAP_S
