"""How many requests of a job may be in flight: fewer when the server says it is too much. Pure.

The rule is that of TCP: each time the server refuses, half as many; with the answers that follow,
slowly more. A refusal is of the whole job, which pauses for as long as the server asks. Refusals of
what was sent before a pause began say nothing new, and do not halve again.

Source: RFC 5681, section 3.1 (additive increase, multiplicative decrease).
"""

from __future__ import annotations

from collections.abc import Callable

from LLM.exceptions import LLMError, LLMRateLimitError
from LLM.retry import RetryStrategy

#: Statuses that say: not so much at once. 529 is Anthropic's "overloaded".
OVERLOAD_STATUSES = frozenset({429, 529})
#: Longest pause in seconds that doubling comes to; a server's own Retry-After may be longer.
MAX_PAUSE_S = 60.0
#: Pauses in a row, without an answer in between, after which the job is given up: 16 minutes.
MAX_PAUSES = 20


def is_overload(error: LLMError) -> bool:
    """Whether another try could succeed as soon as less is asked at once."""
    if isinstance(error, LLMRateLimitError) and error.quota_exhausted:
        return False
    return error.status_code in OVERLOAD_STATUSES


class Throttle:
    """Says when a request may be sent. It neither waits nor is safe for threads: its shells are.

    :param most: requests that may be in flight at best.
    """

    def __init__(self, most: int) -> None:
        #: Requests that may be in flight now.
        self.allowed = float(most)
        self.n_in_flight = 0
        #: Counts the pauses: what is sent carries the number of the pause that it followed.
        self.epoch = 0
        self._most = most
        self._n_pauses = 0
        self._paused_until = float("-inf")

    def wait_s(self, now: float) -> float | None:
        """Seconds until a request may be sent, 0 for at once; None: when another one ends."""
        if now < self._paused_until:
            return self._paused_until - now
        return 0.0 if self.n_in_flight < int(self.allowed) else None

    def answered(self, epoch: int) -> None:
        """A request was answered.

        :param epoch: the throttle's when it was sent.
        """
        if epoch == self.epoch:
            self._n_pauses = 0
            self.allowed = min(float(self._most), self.allowed + 1.0 / self.allowed)

    def refused(self, epoch: int, pause_s: float, now: float) -> bool:
        """The server said that it is too much.

        :param epoch: the throttle's when the request was sent.
        :param pause_s: what it asks for, or what a policy would wait at first, in seconds.
        :return: whether the request may be sent again, after the pause; else the job is given up.
        """
        if epoch != self.epoch:
            self._paused_until = max(self._paused_until, now + pause_s)
            return True
        if self._n_pauses >= MAX_PAUSES:
            return False
        doubled = min(pause_s * 2.0**self._n_pauses, MAX_PAUSE_S)
        self._paused_until = now + max(pause_s, doubled)
        self.allowed = max(1.0, self.allowed / 2)
        self.epoch += 1
        self._n_pauses += 1
        return True


class RequestRetry:
    """The retry policy of one request of a job: what the throttle waits for is no failed try.

    :param policy: the client's.
    :param refused: tells the job's throttle of a refusal, and the seconds that the policy would
        wait; gives whether the request may be sent again.
    """

    def __init__(self, policy: RetryStrategy, refused: Callable[[float], bool]) -> None:
        self._policy = policy
        self._refused = refused
        self._n_refused = 0

    def delay(self, error: LLMError, attempt: int) -> float | None:
        """Seconds to wait; 0 after a refusal, since the throttle has all wait."""
        if not is_overload(error):
            return self._policy.delay(error, attempt - self._n_refused)
        self._n_refused += 1
        # Asked as if it were the first try, so that no number of refusals ends the request.
        pause_s = self._policy.delay(error, 1)
        if pause_s is None or not self._refused(pause_s):
            return None
        return 0.0
