"""Lets callers use a model's objects until they are freed, and frees them when nobody is inside."""

from __future__ import annotations

import threading

from LLM.exceptions import LLMServerError


class Gate:
    """Counts who is inside; once closed, lets nobody in."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._n_inside = 0
        self._closed = False

    def __enter__(self) -> None:
        with self._changed:
            if self._closed:
                raise LLMServerError("the engine is closed", status_code=503, code="engine_closed")
            self._n_inside += 1

    def __exit__(self, *exc_info: object) -> None:
        with self._changed:
            self._n_inside -= 1
            self._changed.notify_all()

    def close(self) -> bool:
        """Let nobody in and wait until all are out; False when it was closed already."""
        with self._changed:
            if self._closed:
                return False
            self._closed = True
            self._changed.wait_for(lambda: self._n_inside == 0)
            return True
