"""Stopping work that goes on inside a call before it is even started, such as a summary."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

from LLM.exceptions import LLMAPIError
from local_llm_kit.engines.protocol import Handle


class Stop:
    """Told by whoever no longer wants an answer to whoever still prepares it; any thread."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._is_set = False
        self._handles: Sequence[Handle] = ()

    def set(self) -> None:
        """End what runs, and what would be begun; repeatable."""
        with self._lock:
            self._is_set = True
            handles = self._handles
        for handle in handles:
            handle.cancel()

    def check(self) -> None:
        """Go no further for nobody.

        :raises LLMAPIError: it was set.
        """
        if self._is_set:
            raise LLMAPIError("nobody waits for the answer", status_code=499, code="cancelled")

    @contextmanager
    def over(self, handles: Sequence[Handle]) -> Iterator[None]:
        """Let `set` cancel requests while the block runs.

        :raises LLMAPIError: it was set, before or meanwhile.
        """
        with self._lock:
            self._handles = handles
        try:
            self.check()
            yield
            self.check()
        finally:
            with self._lock:
                self._handles = ()
