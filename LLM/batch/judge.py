"""Which failures are of one request, and which are of them all."""

from __future__ import annotations

import threading

from LLM.batch.calls import is_unreachable, stops_job
from LLM.batch.engine import Finish
from LLM.batch.types import BatchOutcome

#: Requests in a row that find nobody, after which the job ends.
MAX_UNREACHABLE = 8


class Judge:
    """Hands outcomes on, unless they mean the end of the job. Safe for many threads.

    Requests that found no connection are held back until an answer shows that it was not the
    server's end: otherwise a later run asks them again.

    :param finish: makes an outcome durable.
    """

    def __init__(self, finish: Finish) -> None:
        self._finish = finish
        self._lock = threading.Lock()
        self._any_reached = False
        self._held: list[BatchOutcome] = []

    def take(self, outcome: BatchOutcome) -> None:
        """A request has ended. :raises LLMError: so does the job, by this request's error."""
        error = outcome.error
        if error is not None and stops_job(error):
            raise error
        if error is not None and is_unreachable(error):
            with self._lock:
                self._held.append(outcome)
                if not self._any_reached or len(self._held) >= MAX_UNREACHABLE:
                    raise error
            return
        if self._held or not self._any_reached:
            self.release()
        self._finish(outcome)

    def release(self) -> None:
        """Hand on what was held back: the server answers, or nothing is left to ask."""
        with self._lock:
            self._any_reached = True
            held, self._held = self._held, []
        for outcome in held:
            self._finish(outcome)
