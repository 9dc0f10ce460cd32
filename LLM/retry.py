"""When to try a failed call again: a policy that decides and does not act."""

from __future__ import annotations

import math
import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from LLM.exceptions import (
    LLMConfigError,
    LLMConnectionError,
    LLMError,
    LLMRateLimitError,
    LLMTimeoutError,
)

if TYPE_CHECKING:
    from LLM.config import LLMConfig

#: HTTP statuses that are tried again: rate limits and the server's passing troubles.
RETRIED_STATUSES = frozenset({429, 500, 502, 503, 504})


class RetryStrategy(Protocol):
    """What `LLM` asks after a failed try. Write your own to retry otherwise."""

    def delay(self, error: LLMError, attempt: int) -> float | None:
        """Seconds to wait before the next try, or None to give up and raise `error`.

        :param error: what the try ended with.
        :param attempt: number of tries made so far, at least 1.
        """
        ...


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """Doubling delays on passing troubles; immutable, so it can be shared by every client.

    :param max_retries: tries after the first one; 0 never tries again.
    :param base_delay: seconds before the first retry; each further one waits twice as long.
    :param max_delay: longest such wait in seconds; a server's Retry-After may be longer.
    :param max_retry_after: a Retry-After beyond this many seconds is not waited for: the error is
        raised at once, with the figure in `retry_after`.
    :param jitter: share of each delay that is drawn at random, 0 (exact doubling) to 1.
    :param statuses: HTTP statuses that are tried again.
    :param retry_timeouts: also try again after a timeout of an accepted request. Off, since the
        provider may bill the call twice. A timeout while connecting is always tried again.
    :param retry_disconnects: also try again when the connection broke before any answer. Unknown
        hosts, TLS failures, and a refusal by this very machine are not tried again.
    :param draw: gives a random number in [0, 1) for the jitter.
    :raises LLMConfigError: a number is out of its range.
    """

    max_retries: int = 3
    base_delay: float = 1.0
    max_delay: float = 600.0
    max_retry_after: float = 120.0
    jitter: float = 0.0
    statuses: frozenset[int] = RETRIED_STATUSES
    retry_timeouts: bool = False
    retry_disconnects: bool = True
    draw: Callable[[], float] = random.random

    @classmethod
    def of(cls, config: LLMConfig) -> RetryPolicy:
        """The policy that a config describes."""
        return cls(
            max_retries=config.max_retries,
            base_delay=config.retry_delay,
            max_retry_after=config.max_retry_after,
            retry_timeouts=config.retry_timeouts,
        )

    def __post_init__(self) -> None:
        for name in ("max_retries", "base_delay", "max_delay", "max_retry_after", "jitter"):
            value, high = getattr(self, name), 1 if name == "jitter" else math.inf
            is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
            if not (is_number and 0 <= value <= high):
                bound = "to 1" if name == "jitter" else "on"
                raise LLMConfigError(
                    f"RetryPolicy.{name} is {value!r}; give a number from 0 {bound}"
                )

    def delay(self, error: LLMError, attempt: int) -> float | None:
        """Seconds to wait before the next try, or None to give up.

        The longer of the server's Retry-After and the policy's own delay is waited.
        """
        if attempt > self.max_retries or not self.is_retryable(error):
            return None
        # The exponent is capped because 2.0**1024 overflows, long after max_delay rules.
        own = min(self.base_delay * 2.0 ** min(attempt - 1, 64), self.max_delay)
        own -= own * self.jitter * self.draw() if self.jitter else 0.0
        asked = error.retry_after or 0.0
        if asked > self.max_retry_after:
            return None
        return max(own, asked)

    def is_retryable(self, error: LLMError) -> bool:
        """Whether another try could end otherwise than `error`."""
        if isinstance(error, LLMTimeoutError):
            return error.deadline == "connect" or self.retry_timeouts
        if isinstance(error, LLMConnectionError):
            return error.code == "connect" or (
                error.code == "disconnected" and self.retry_disconnects
            )
        if isinstance(error, LLMRateLimitError) and error.quota_exhausted:
            return False
        return error.status_code in self.statuses


def checked_policy(given: RetryStrategy | None, usual: RetryStrategy) -> RetryStrategy:
    """The policy that was given, or the usual one where it is None.

    :raises LLMConfigError: it is no policy, and would fail only when it is needed.
    """
    if given is None:
        return usual
    if isinstance(given, type) or not callable(getattr(given, "delay", None)):
        raise LLMConfigError(
            f"retry_policy is {given!r}; give a RetryPolicy(…), or an object with a method "
            "delay(error, attempt)"
        )
    return given
