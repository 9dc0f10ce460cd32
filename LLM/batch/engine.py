"""What answers the requests of a job, whoever does: the seam between a job and its engines."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

from LLM.batch.types import BatchOutcome, BatchRequest

#: Takes an outcome and makes it durable before it returns. Safe to call from any thread.
Finish = Callable[[BatchOutcome], None]


class BatchEngine(Protocol):
    """Answers requests, many at a time.

    An engine reads its requests as it needs them, never far ahead, so that a job of any size takes
    the memory of what is in flight.
    """

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        """Answer all requests; returns when the last is finished.

        Each request that was read is handed to `finish`, in whatever order they end; a second
        outcome of one that has ended is passed over. A request that fails for good is an outcome
        too, and the others go on. What no other request would survive either (a refused key, a
        spent quota, an address where nothing listens) is raised: then requests may be left without
        an outcome, and a later run asks them again.

        :param requests: to be read by one thread at a time.
        :param finish: may be called by any thread; what it raises ends the job.
        :raises LLMError: the job cannot go on.
        :raises KeyboardInterrupt: the caller has had enough; what has ended is finished.
        """
        ...
