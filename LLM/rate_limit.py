"""Client-side rate limiting: two token buckets that say how long to wait."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from LLM.exceptions import LLMConfigError


class _Bucket:
    """A bucket that fills at `per_minute` / 60 a second and may go into debt.

    Debt is what makes a reservation fair: the n-th caller is told to wait until the bucket has
    refilled for all before it, so callers queue in the order in which they asked.
    """

    def __init__(self, per_minute: float, now: float) -> None:
        self.capacity = float(per_minute)
        self.per_second = per_minute / 60.0
        self.level = self.capacity
        self.at = now

    def take(self, amount: float, now: float) -> float:
        """Take `amount` now. :return: seconds until the bucket is out of debt."""
        self.level = min(self.capacity, self.level + (now - self.at) * self.per_second)
        self.at = now
        self.level -= amount
        return max(0.0, -self.level / self.per_second)


class RateLimiter:
    """Limits requests and tokens a minute; safe to share between threads and clients.

    Bursts up to one minute's amount pass at once. A call that is larger than a whole minute's
    tokens is let through and paid off afterwards.

    :param requests_per_minute: requests allowed a minute, above 0; None for no limit.
    :param tokens_per_minute: prompt plus completion tokens a minute, above 0; None for no limit.
    :param clock: monotonic clock in seconds.
    :raises LLMConfigError: a limit is not above 0.
    """

    def __init__(
        self,
        requests_per_minute: float | None = None,
        tokens_per_minute: float | None = None,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        for name, value in (
            ("requests_per_minute", requests_per_minute),
            ("tokens_per_minute", tokens_per_minute),
        ):
            if value is not None and not value > 0:
                raise LLMConfigError(f"{name} is {value!r}; give a number above 0, or None")
        self._clock = clock
        # Reentrant: a stream that the garbage collector drops is settled wherever that happens.
        self._lock = threading.RLock()
        now = clock()
        self._requests = _Bucket(requests_per_minute, now) if requests_per_minute else None
        self._tokens = _Bucket(tokens_per_minute, now) if tokens_per_minute else None

    def reserve(self, n_tokens: int) -> float:
        """Book one request of about `n_tokens` tokens.

        :return: seconds to wait before sending it; 0 when it may go at once.
        """
        with self._lock:
            now = self._clock()
            wait_s = self._requests.take(1.0, now) if self._requests else 0.0
            if self._tokens:
                wait_s = max(wait_s, self._tokens.take(n_tokens, now))
            return wait_s

    def settle(self, reserved: int, used: int) -> None:
        """Replace the tokens reserved for a call by those that it used."""
        if self._tokens and used != reserved:
            with self._lock:
                self._tokens.take(used - reserved, self._clock())

    def cancel(self) -> None:
        """Give back a request that was booked and will never be sent.

        Who queued up behind it keeps their place; who comes next gains it.
        """
        if self._requests:
            with self._lock:
                self._requests.take(-1.0, self._clock())
