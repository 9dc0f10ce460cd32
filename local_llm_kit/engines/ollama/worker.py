"""The thread that reads from Ollama: one event loop, on which every call is a task.

A task can be cancelled wherever it is, also while the server loads a model or reads a prompt, and
its connection closes with it; that is what makes Ollama stop. So many tasks run at once as there
are slots; the others wait in order.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Sequence
from concurrent.futures import CancelledError
from contextlib import aclosing
from typing import Any, NamedTuple, TypeVar

from LLM.exceptions import LLMError, LLMRateLimitError, LLMServerError
from local_llm_kit.engines.protocol import EngineStats, Event, Failed, Finished, Handle, Sink

_log = logging.getLogger("local_llm_kit.ollama")
_T = TypeVar("_T")


class Request(NamedTuple):
    """One sequence of an answer.

    :ivar tag: of its events.
    :ivar events: makes the stream of its events, lists that are not empty, the last of which ends
        with `Finished`; may raise `LLMError` instead.
    """

    tag: Any
    events: Callable[[], AsyncGenerator[list[Event], None]]


class TaskHandle:
    """A submitted request."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._task: asyncio.Task[None] | None = None
        self._cancelled = False
        self.ended = False  # the end has been told; what is left is to give the connection back

    def cancel(self) -> None:
        """Close its connection; any thread, any number of times."""
        self._cancelled = True
        try:
            self._loop.call_soon_threadsafe(self._cancel)
        except RuntimeError:  # the loop is closed, and has ended every request
            return

    def begin(self, task: asyncio.Task[None]) -> None:
        """Take the task that runs the request; on the loop."""
        self._task = task
        if self._cancelled:
            task.cancel()

    def _cancel(self) -> None:
        if self._task is not None and not self.ended:
            self._task.cancel()


class Worker:
    """Runs requests until closed.

    :param n_slots: requests that run at once.
    :param max_queue: requests that may wait beyond those.
    """

    def __init__(self, n_slots: int, max_queue: int) -> None:
        self._n_slots = n_slots
        self._max_queue = max_queue
        self._lock = threading.RLock()  # a client that the collector drops may close in here
        self._closed = False
        self._open: set[TaskHandle] = set()
        self._running: set[TaskHandle] = set()
        self._n_steps = 0
        self._n_generated = 0
        self._tasks: set[asyncio.Task[None]] = set()
        self._slots = asyncio.Semaphore(n_slots)
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._run, name="ollama", daemon=True)
        self._thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_forever()
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()

    # -- any thread ---------------------------------------------------------------------------

    @property
    def stats(self) -> EngineStats:
        """A snapshot; a step is a piece of an answer, and Ollama's own time is not known here."""
        with self._lock:
            return EngineStats(
                n_slots=self._n_slots,
                n_running=len(self._running),
                n_waiting=len(self._open) - len(self._running),
                n_steps=self._n_steps,
                n_generated=self._n_generated,
                decode_s=0.0,
            )

    def call(self, coroutine: Coroutine[Any, Any, _T]) -> _T:
        """Run a coroutine and wait for its result; Ctrl-C cancels it.

        :raises LLMServerError: the worker is closed or stayed behind in another process, or the
            caller is on its thread.
        """
        with self._lock:
            try:
                self._require_open()
                self._require_another_thread()
                future = asyncio.run_coroutine_threadsafe(coroutine, self._loop)
            except BaseException:
                coroutine.close()
                raise
        try:
            return future.result()
        except CancelledError:
            raise _closed() from None
        except BaseException:
            future.cancel()
            raise

    def submit(self, requests: Sequence[Request], sink: Sink) -> list[Handle]:
        """Queue requests, all or none; exactly one `Finished` or `Failed` comes for each, last.

        :raises LLMRateLimitError: too many are waiting.
        :raises LLMServerError: the worker is closed, or stayed behind in another process.
        """
        with self._lock:
            self._require_open()
            if len(self._open) + len(requests) > self._n_slots + self._max_queue:
                raise LLMRateLimitError(
                    f"{len(self._open)} requests run or wait, and {len(requests)} more would pass "
                    f"the {self._n_slots + self._max_queue} that this client takes; try again in "
                    "a second",
                    status_code=429,
                    retry_after=1.0,
                    code="queue_full",
                )
            handles = [TaskHandle(self._loop) for _ in requests]
            self._open.update(handles)
            for request, handle in zip(requests, handles, strict=True):
                self._loop.call_soon_threadsafe(self._begin, request, handle, sink)
            return [*handles]

    def _require_open(self) -> None:
        if self._closed:
            raise _closed()
        if not self._thread.is_alive():
            raise LLMServerError(
                "this process was forked from the one that made the client, and threads do not "
                "follow; make the client after the fork, or start processes by 'spawn'",
                status_code=503,
                code="engine_closed",
            )

    def _require_another_thread(self) -> None:
        if threading.current_thread() is self._thread:
            raise LLMServerError(
                "a sink runs on the client's own thread and cannot wait for its answers; hand the "
                "events over, and call from another thread",
                status_code=500,
            )

    def close(self, finish: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """End what runs with `Failed`, and the thread; repeatable.

        :param finish: run last on the loop, to close what the tasks used.
        """
        with self._lock:
            if self._closed or not self._thread.is_alive():
                self._closed = True
                return
            self._closed = True
        asyncio.run_coroutine_threadsafe(self._end(finish), self._loop)
        if threading.current_thread() is not self._thread:
            self._thread.join()

    # -- the loop's thread --------------------------------------------------------------------

    def _begin(self, request: Request, handle: TaskHandle, sink: Sink) -> None:
        task = self._loop.create_task(self._answer(request, handle, sink))
        self._tasks.add(task)  # the loop itself holds tasks weakly
        task.add_done_callback(lambda done: self._done(done, request, handle, sink))
        handle.begin(task)

    async def _answer(self, request: Request, handle: TaskHandle, sink: Sink) -> None:
        async with self._slots, aclosing(request.events()) as steps:
            with self._lock:
                self._running.add(handle)
            async for events in steps:
                self._n_steps += 1
                if isinstance(events[-1], Finished):
                    self._n_generated += events[-1].completion_tokens
                    self._leave(handle)
                sink(events)

    def _leave(self, handle: TaskHandle) -> None:
        handle.ended = True
        with self._lock:
            self._open.discard(handle)
            self._running.discard(handle)

    def _done(
        self, task: asyncio.Task[None], request: Request, handle: TaskHandle, sink: Sink
    ) -> None:
        self._tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if handle.ended:
            if error is not None:
                _log.error("a request failed after its end", exc_info=error)
            return
        self._leave(handle)
        end: Event = Finished(request.tag, "cancelled", 0, 0, 0)
        if error is not None:
            end = Failed(request.tag, _as_llm_error(error))
        elif self._closed or not task.cancelled():
            end = Failed(request.tag, _closed())
        sink([end])

    async def _end(self, finish: Callable[[], Coroutine[Any, Any, None]]) -> None:
        me = asyncio.current_task()
        others = [task for task in asyncio.all_tasks() if task is not me]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        try:
            await finish()
        finally:
            self._loop.stop()


def _closed() -> LLMServerError:
    return LLMServerError("the client is closed", status_code=503, code="engine_closed")


def _as_llm_error(error: BaseException) -> LLMError:
    if isinstance(error, LLMError):
        return error
    _log.error("a call to Ollama failed", exc_info=error)
    return LLMServerError(
        f"the ollama back end failed: {type(error).__name__}; see the log", status_code=500
    )
