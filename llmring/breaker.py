"""Circuit breakers: a model that keeps failing is left alone for a while.

::

    closed ──threshold failures in a row──▶ open ──pause over──▶ half-open
      ▲                                      ▲                      │ one probe
      └───────────── success ────────────────┴────── failure ◀──────┘

The caller asks to be admitted, and says how the call ended. Who was admitted and says nothing (a
cancelled call) gives the probe back with `released`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

#: Failures in a row that open a breaker.
THRESHOLD = 3
#: Seconds for which it stays open.
PAUSE_S = 10.0
#: Longest pause that a provider may ask for by Retry-After, in seconds.
MAX_PAUSE_S = 120.0


class CircuitBreaker:
    """The breaker of one model. Threads may share it.

    :param threshold: failures in a row that open it, at least 1.
    :param pause_s: seconds for which it then stays open.
    :param clock: seconds that only grow.
    """

    def __init__(
        self,
        threshold: int = THRESHOLD,
        pause_s: float = PAUSE_S,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.failure_count = 0
        self._threshold, self._pause_s, self._clock = threshold, pause_s, clock
        self._open_until: float | None = None
        self._probe: Admission | None = None
        self._lock = threading.Lock()

    @property
    def is_open(self) -> bool:
        """Whether calls are turned away, but for a probe."""
        return self._open_until is not None

    @property
    def retry_after(self) -> float:
        """Seconds until a probe may be made; 0.0 when one may be made now."""
        until = self._open_until
        return 0.0 if until is None else max(0.0, until - self._clock())

    def admit(self) -> Admission | None:
        """Leave for one call; None when there is none now."""
        with self._lock:
            if self._open_until is None:
                return Admission(self)
            if self._probe is not None or self._clock() < self._open_until:
                return None
            self._probe = Admission(self)
            return self._probe

    def _succeeded(self, admission: Admission) -> None:
        with self._lock:
            self.failure_count = 0
            self._open_until = None
            self._forget(admission)

    def _failed(self, admission: Admission, asked_pause_s: float) -> None:
        with self._lock:
            self.failure_count += 1
            if self._probe is admission or self.failure_count >= self._threshold:
                pause_s = max(self._pause_s, min(asked_pause_s, MAX_PAUSE_S))
                self._open_until = self._clock() + pause_s
            self._forget(admission)

    def _released(self, admission: Admission) -> None:
        with self._lock:
            self._forget(admission)

    def _forget(self, admission: Admission) -> None:
        if self._probe is admission:
            self._probe = None


class Admission:
    """Leave for one call, whatever tries it takes: its failures count as one."""

    __slots__ = ("_breaker", "_has_failed")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._has_failed = False

    def succeeded(self) -> None:
        """The model answered: the breaker is closed."""
        self._breaker._succeeded(self)

    def failed(self, retry_after: float | None = None) -> None:
        """The model, or the way to it, failed.

        :param retry_after: seconds that the provider asks to be left alone; None if it did not say.
        """
        if not self._has_failed:
            self._has_failed = True
            self._breaker._failed(self, retry_after or 0.0)

    def released(self) -> None:
        """The call told nothing of the model: it was cancelled, or the caller's mistake."""
        self._breaker._released(self)
