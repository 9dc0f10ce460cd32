"""A lock that many share, or one has alone."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager


class Gate:
    """Lets many through together, or one alone; who waits to be alone comes before new sharers."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._n_sharing = 0
        self._n_waiting_alone = 0
        self._is_alone = False

    @property
    def is_wanted_alone(self) -> bool:
        """Whether somebody waits to be alone."""
        return self._n_waiting_alone > 0

    @contextmanager
    def shared(self) -> Iterator[None]:
        """Hold it with others."""
        with self._changed:
            self._changed.wait_for(lambda: not self._is_alone and not self._n_waiting_alone)
            self._n_sharing += 1
        try:
            yield
        finally:
            with self._changed:
                self._n_sharing -= 1
                self._changed.notify_all()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Hold it while nobody else does."""
        with self._changed:
            self._n_waiting_alone += 1
            self._changed.wait_for(lambda: not self._is_alone and not self._n_sharing)
            self._n_waiting_alone -= 1
            self._is_alone = True
        try:
            yield
        finally:
            with self._changed:
                self._is_alone = False
                self._changed.notify_all()
