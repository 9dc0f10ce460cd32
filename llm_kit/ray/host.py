"""What answers packs in a worker's process, several at a time."""

from __future__ import annotations

import queue
import threading
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

from LLM.batch.engine import BatchEngine
from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.exceptions import LLMError
from llm_kit.ray.packs import Answered


class Answerer(Protocol):
    """Answers a worker's packs. What makes it may take its time: it loads a model."""

    def answer(self, requests: Sequence[BatchRequest]) -> Answered:
        """Answer a pack; several threads call it at once.

        :return: when all requests have ended, or when the job has to.
        """
        ...


class EngineHost:
    """Runs a batch engine without end, on requests that come and go by the pack.

    The engine keeps its connections, its pace and its loaded model from one pack to the next, and
    fills the places of a pack whose last request is slow with requests of the others.

    :param engine: answers the requests, on a thread of its own. The next request may be long in
        coming, and must not keep it from answering those that it has: it reads them in a thread.
    :param on_close: closes what the engine stands on.
    """

    def __init__(self, engine: BatchEngine, on_close: Callable[[], object] | None = None) -> None:
        self._engine = engine
        self._on_close = on_close
        self._requests: queue.SimpleQueue[BatchRequest | None] = queue.SimpleQueue()
        self._lock = threading.Lock()
        # A pack that Ray sends twice is answered twice: an index may wait in two packs.
        self._waiting: defaultdict[int, list[_Pack]] = defaultdict(list)
        self._error: LLMError | None = None
        # A daemon: the process ends with Ray's word, which waits for no thread of ours.
        self._thread = threading.Thread(target=self._run, name="batch-engine", daemon=True)
        self._thread.start()

    def answer(self, requests: Sequence[BatchRequest]) -> Answered:
        """:return: when all requests have ended, or the engine has given up."""
        pack = _Pack(len(requests))
        with self._lock:
            if self._error is not None:
                return Answered([], self._error)
            for request in requests:
                self._waiting[request.index].append(pack)
        for request in requests:
            self._requests.put(request)
        pack.ended.wait()
        with self._lock:
            return Answered(pack.outcomes, self._error if pack.n_left else None)

    def close(self) -> None:
        """End the engine, which gets no more requests; returns when it has ended."""
        self._requests.put(None)
        self._thread.join()
        if self._on_close is not None:
            self._on_close()

    def _run(self) -> None:
        try:
            self._engine.run(self._read(), self._finish)
            error = LLMError("the worker is closed")
        except LLMError as err:
            error = err
        except Exception as err:  # noqa: BLE001 - packs wait for it, and would wait for ever
            error = LLMError(f"a worker's engine failed: {type(err).__name__}: {err}")
            error.__cause__ = err
        with self._lock:
            self._error = error
            left = [pack for packs in self._waiting.values() for pack in packs]
            self._waiting.clear()
        for pack in left:
            pack.ended.set()

    def _read(self) -> Iterator[BatchRequest]:
        return iter(self._requests.get, None)

    def _finish(self, outcome: BatchOutcome) -> None:
        with self._lock:
            packs = self._waiting.get(outcome.request.index)
            if not packs:
                return
            pack = packs.pop(0)
            if not packs:
                del self._waiting[outcome.request.index]
            pack.outcomes.append(outcome)
            pack.n_left -= 1
            ended = not pack.n_left
        if ended:
            pack.ended.set()


class _Pack:
    def __init__(self, n_requests: int) -> None:
        self.n_left = n_requests
        self.outcomes: list[BatchOutcome] = []
        self.ended = threading.Event()
        if not n_requests:
            self.ended.set()
