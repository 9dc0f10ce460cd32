"""The way from callers' threads to the engine's thread, and the count of what is under way."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from queue import SimpleQueue
from typing import TypeVar

from LLM.exceptions import LLMError, LLMRateLimitError, LLMServerError
from local_llm_kit.engines.sequence import Sequence

_log = logging.getLogger("local_llm_kit.engine")

Command = Callable[[], None]
_T = TypeVar("_T")


def as_llm_error(err: BaseException) -> LLMError:
    """`err` as an error of ours, which a caller can catch."""
    if isinstance(err, LLMError):
        return err
    error = LLMServerError(
        f"the engine failed: {type(err).__name__}: {err}", status_code=500, code="engine_failed"
    )
    error.__cause__ = err
    return error


class Inbox:
    """Commands for one thread, taken in order.

    :param n_slots: sequences that run at once.
    :param max_queue: sequences that may wait beyond those.
    :param thread: takes the commands.
    :ivar open: sequences that were submitted and have not ended, wherever they are.
    """

    def __init__(self, n_slots: int, max_queue: int, thread: threading.Thread) -> None:
        self._n_slots = n_slots
        self._max_queue = max_queue
        self._thread = thread
        self._commands: SimpleQueue[Command | None] = SimpleQueue()
        self._lock = threading.Lock()
        self._closed = False
        self.open: set[Sequence] = set()

    # -- any thread ---------------------------------------------------------------------------

    def submit(self, sequence: Sequence, command: Command) -> None:
        """Count a sequence as open and queue what begins it.

        :raises LLMRateLimitError: `max_queue` sequences are waiting.
        :raises LLMServerError: the inbox is closed, or its thread stayed in another process.
        """
        with self._lock:
            self._require_open()
            if len(self.open) >= self._max_queue + self._n_slots:
                raise LLMRateLimitError(
                    f"{self._n_slots} requests run and {self._max_queue} wait, the most that "
                    "this engine takes; try again in a second",
                    status_code=429,
                    retry_after=1.0,
                    code="queue_full",
                )
            self.open.add(sequence)
            self._commands.put(command)

    def _require_open(self) -> None:
        if self._closed:
            raise LLMServerError("the engine is closed", status_code=503, code="engine_closed")
        if not self._thread.is_alive():
            raise LLMServerError(
                "this process was forked from the one that loaded the model, and threads do not "
                "follow; load the model after the fork, or start processes by 'spawn'",
                status_code=503,
                code="engine_closed",
            )

    def put(self, command: Command) -> None:
        """Queue a command, also after the end: it then runs among the last."""
        self._commands.put(command)

    def call(self, function: Callable[[], _T]) -> _T:
        """Run a function on the thread and wait for what it gives.

        :raises LLMError: it failed, the inbox is closed, or the caller is on the thread itself.
        """
        if threading.current_thread() is self._thread:
            raise LLMServerError(
                "a sink runs on the engine's own thread and cannot wait for the engine; hand the "
                "events over, and call from another thread",
                status_code=500,
            )
        done: SimpleQueue[_T | LLMError] = SimpleQueue()

        def run() -> None:
            try:
                done.put(function())
            except Exception as err:  # noqa: BLE001  # the caller waits
                done.put(as_llm_error(err))

        with self._lock:
            self._require_open()
            self._commands.put(run)
        result = done.get()
        if isinstance(result, LLMError):
            raise result
        return result

    def close(self) -> bool:
        """Take nothing more; the thread gets None at last. False when it was closed already."""
        with self._lock:
            was_open, self._closed = not self._closed, True
            if was_open:
                self._commands.put(None)
            return was_open

    # -- the thread ---------------------------------------------------------------------------

    @property
    def empty(self) -> bool:
        """Whether there is nothing to take."""
        return self._commands.empty()

    def take(self) -> Command | None:
        """The next command, waited for; None at the end."""
        return self._commands.get()

    def ended(self, sequence: Sequence) -> None:
        """Count a sequence as open no more."""
        with self._lock:
            self.open.discard(sequence)

    def drain(self) -> None:
        """Run what is left, once nothing more comes."""
        with self._lock:
            self._closed = True
        while not self._commands.empty():
            command = self._commands.get()
            try:
                if command is not None:
                    command()
            except Exception:  # noqa: BLE001  # others wait for those that follow
                _log.exception("a command failed at the engine's end")
