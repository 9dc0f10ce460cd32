"""Many small requests of one call, a few at a time.

A decision may take thousands of requests that share a prompt. Submitted at once they would fill the
engine's queue and refuse other callers; here each that ends lets the next one in.
"""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Any

from LLM.exceptions import LLMError, LLMRateLimitError
from local_llm_kit.engines.protocol import (
    Engine,
    Event,
    Failed,
    Finished,
    GenerationRequest,
    Handle,
    Sink,
)


class Waves:
    """The requests of one call; a handle for all of them.

    :param engine: who computes them.
    :param requests: each with a tag of its own; taken as they are submitted.
    :param sink: who gets the events.
    """

    def __init__(self, engine: Engine, requests: Iterator[GenerationRequest], sink: Sink) -> None:
        self._engine = engine
        self._requests = requests
        self._next = next(requests, None)
        self._sink = sink
        self._lock = threading.Lock()
        self._open: dict[Any, Handle] = {}
        self._stopped = False

    def start(self, n_at_once: int) -> None:
        """Submit the first requests.

        :raises LLMError: the engine does not take them; none runs then.
        """
        try:
            for _ in range(n_at_once):
                self._submit_next()
        except BaseException:
            self.cancel()
            raise

    def cancel(self) -> None:
        """Stop those that run and submit no more; any thread, repeatable."""
        with self._lock:
            self._stopped = True
            handles = list(self._open.values())
            self._open.clear()
        for handle in handles:
            handle.cancel()

    def take(self, events: list[Event]) -> None:
        """Hand events on and replace what has ended; called on the engine's thread."""
        self._sink(events)
        ended = [event for event in events if isinstance(event, (Finished, Failed))]
        with self._lock:
            for event in ended:
                self._open.pop(event.tag, None)
        if any(isinstance(event, Failed) for event in ended):
            self.cancel()
        for event in ended:
            try:
                self._submit_next()
            except LLMError as err:
                self.cancel()
                self._sink([Failed(event.tag, err)])
                return

    def _submit_next(self) -> None:
        # Held while submitting: the end of a request must not come before it is known as open.
        with self._lock:
            request = self._next
            if request is None or self._stopped:
                return
            try:
                self._open[request.tag] = self._engine.submit(request, self.take)
            except LLMRateLimitError:
                if not self._open:
                    raise
                return  # others fill the queue: it is tried again when one of ours ends
            self._next = next(self._requests, None)
