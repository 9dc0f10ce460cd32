"""Answers a job's requests by blocking calls, each of which has a thread."""

from __future__ import annotations

import contextvars
import threading
from abc import ABC, abstractmethod
from collections.abc import Iterator

from LLM.batch.engine import Finish
from LLM.batch.stop import StoppedError
from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.exceptions import LLMError


class Threads(ABC):
    """A `BatchEngine` of threads that each answer one request after another."""

    def __init__(self) -> None:
        self._reading = threading.Lock()
        self._stopped = threading.Event()
        self._failure: BaseException | None = None

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        """Answer all requests, in the caller's context.

        :raises LLMError: the job cannot go on, or `stop` was called.
        """
        threads = [
            threading.Thread(
                # A context holds for one thread at a time.
                target=contextvars.copy_context().run,
                args=(self._work, requests, finish),
                name=f"llm-batch-{n}",
                daemon=True,
            )
            for n in range(self._n_threads())
        ]
        try:
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C
            self.stop()
            for thread in threads:
                if thread.ident is not None:
                    thread.join()
            raise
        if self._failure is not None:
            raise self._failure
        if self._stopped.is_set():
            raise LLMError("the job was stopped; the same call goes on with it", code="stopped")

    def stop(self) -> None:
        """Begin no further request. For any thread; repeatable."""
        self._stopped.set()

    def _work(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        try:
            while (request := self._next(requests)) is not None:
                finish(self._answer(request))
        except StoppedError:
            self.stop()
        except BaseException as err:  # noqa: BLE001  # raised where the caller is
            self._failure = self._failure or err
            self.stop()

    def _next(self, requests: Iterator[BatchRequest]) -> BatchRequest | None:
        with self._reading:
            return None if self._stopped.is_set() else next(requests, None)

    @abstractmethod
    def _n_threads(self) -> int:
        """How many requests are answered at a time."""

    @abstractmethod
    def _answer(self, request: BatchRequest) -> BatchOutcome:
        """Answer a request.

        :raises StoppedError: the job ends before the request has.
        :raises LLMError: the job cannot go on.
        """
