"""An end to a job's waiting, from another thread."""

from __future__ import annotations

import threading


class StoppedError(Exception):
    """The job is to end: somebody else than its own thread says so."""


class Stop:
    """Ends a job's waiting, from any thread."""

    def __init__(self) -> None:
        self._stopped = threading.Event()

    def set(self) -> None:
        """End it."""
        self._stopped.set()

    def sleep(self, seconds: float) -> None:
        """A pause. :raises StoppedError: it was ended."""
        if self._stopped.wait(seconds):
            raise StoppedError
