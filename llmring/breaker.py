"""Circuit breakers: a model that keeps failing is left alone for a while.

::

    closed ──threshold failures in a row──▶ open ──pause over──▶ half-open
      ▲                                      ▲                      │ one probe
      └───────────── success ────────────────┴────── failure ◀──────┘

The caller asks to be admitted, and says how the call ended. Who was admitted and says nothing (a
cancelled call) gives the probe back with `released`; who does not even do that, or takes long,
holds the next probe up for no more than another pause.
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
        # Re-entrant: the garbage collector releases what was dropped, in any thread at any time.
        self._lock = threading.RLock()

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
        admission = Admission(self)
        with self._lock:
            if self._open_until is None:
                return admission
            if self._clock() < self._open_until:
                return None
            self._pause(self._pause_s)
            self._probe = admission
            return admission

    def _succeeded(self) -> None:
        with self._lock:
            self.failure_count = 0
            self._open_until = self._probe = None

    def _failed(self, admission: Admission, asked_pause_s: float) -> bool:
        with self._lock:
            self.failure_count += 1
            is_probe = self._probe is admission
            # What was under way when the breaker opened tells nothing new by failing, too.
            opens = self._open_until is None and self.failure_count >= self._threshold
            if is_probe or opens:
                self._probe = None
                self._pause(max(self._pause_s, min(asked_pause_s, MAX_PAUSE_S)))
            return is_probe or opens

    def _released(self, admission: Admission) -> None:
        with self._lock:
            if self._probe is admission:
                self._probe = None
                self._pause(0.0)

    def _pause(self, seconds: float) -> None:
        self._open_until = self._clock() + seconds


class Admission:
    """Leave for one call, whatever tries it takes: its failures count as one."""

    __slots__ = ("_breaker", "_has_failed")

    def __init__(self, breaker: CircuitBreaker) -> None:
        self._breaker = breaker
        self._has_failed = False

    def succeeded(self) -> None:
        """The model answered: the breaker is closed."""
        self._breaker._succeeded()

    def failed(self, retry_after: float | None = None) -> bool:
        """The model, or the way to it, failed.

        :param retry_after: seconds that the provider asks to be left alone; None if it did not say.
        :return: whether this has opened the breaker.
        """
        if self._has_failed:
            return False
        self._has_failed = True
        return self._breaker._failed(self, retry_after or 0.0)

    def released(self) -> None:
        """The call told nothing of the model: it was cancelled, or the caller's mistake."""
        self._breaker._released(self)
