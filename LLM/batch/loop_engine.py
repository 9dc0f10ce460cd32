"""Answers a job's requests by coroutines, in an event loop of a thread of its own."""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import threading
import time
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine, Iterator
from typing import TYPE_CHECKING, Any

from LLM.answer import Answer
from LLM.async_caller import AsyncCaller
from LLM.batch.calls import answered, call_of, failed
from LLM.batch.engine import Finish
from LLM.batch.judge import Judge
from LLM.batch.throttle import RequestRetry, Throttle
from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.exceptions import LLMError
from LLM.ledger import Ledger
from LLM.retry import RetryStrategy

if TYPE_CHECKING:
    from LLM.async_transport import AsyncTransport

#: Answers one request; what it raises is no outcome.
Ask = Callable[[BatchRequest], Coroutine[Any, Any, BatchOutcome]]


class LoopEngine:
    """Makes the calls of `AsyncLLM`, under the policies of a client.

    The loop has a thread of its own, so that a job can be run where another loop runs already, and
    so that Ctrl-C finds a thread that can end it.

    :param new_transport: makes what sends the requests; it is closed when the job ends.
    :param ledger: the client's policies.
    :param policy: decides on further tries of a request; the job's throttle on those of all.
    :param concurrency: most requests in flight.
    :param timeout_s: seconds for each try.
    """

    def __init__(
        self,
        new_transport: Callable[[], AsyncTransport],
        ledger: Ledger,
        policy: RetryStrategy,
        *,
        concurrency: int,
        timeout_s: float,
    ) -> None:
        self._new_transport = new_transport
        self._ledger = ledger
        self._policy = policy
        self._concurrency = concurrency
        self._timeout_s = timeout_s
        self._lock = threading.Lock()
        self._stopped = False
        self._loop: asyncio.AbstractEventLoop | None = None
        self._main: asyncio.Task[None] | None = None

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        """Answer all requests. :raises LLMError: the job cannot go on, or `stop` was called."""
        failures: list[BaseException] = []

        def in_thread() -> None:
            try:
                asyncio.run(self._run(requests, Judge(finish)))
            except BaseException as err:  # noqa: BLE001  # raised where the caller is
                failures.append(err)

        # Spans of the calls are children of the caller's.
        context = contextvars.copy_context()
        thread = threading.Thread(
            target=context.run, args=(in_thread,), name="llm-batch-loop", daemon=True
        )
        thread.start()
        try:
            thread.join()
        except BaseException:  # Ctrl-C
            self.stop()
            thread.join()
            raise
        if failures:
            if isinstance(failures[0], asyncio.CancelledError):
                raise LLMError("the job was stopped; the same call goes on with it", code="stopped")
            raise failures[0]

    def stop(self) -> None:
        """End the requests in flight, which have no outcome then. For any thread."""
        with self._lock:
            self._stopped = True
            if self._loop is not None and self._main is not None:
                self._loop.call_soon_threadsafe(self._main.cancel)

    async def _run(self, requests: Iterator[BatchRequest], judge: Judge) -> None:
        with self._lock:
            self._loop, self._main = asyncio.get_running_loop(), asyncio.current_task()
            stopped = self._stopped
        async with self._sending() as (transport, gate):
            try:
                if stopped:
                    raise asyncio.CancelledError
                await self._answer_all(requests, judge, transport, gate)
            finally:
                with self._lock:
                    self._loop = self._main = None

    @contextlib.asynccontextmanager
    async def asking(self) -> AsyncGenerator[Ask, None]:
        """What answers single requests in this loop, for who does without `run`.

        It takes any number at once, and has `concurrency` of them in flight.
        """
        async with self._sending() as (transport, gate):
            yield lambda request: self._answer(request, transport, gate)

    @contextlib.asynccontextmanager
    async def _sending(self) -> AsyncGenerator[tuple[AsyncTransport, _Gate], None]:
        transport = self._new_transport()
        try:
            yield transport, _Gate(Throttle(self._concurrency))
        finally:
            await transport.close()

    async def _answer_all(
        self,
        requests: Iterator[BatchRequest],
        judge: Judge,
        transport: AsyncTransport,
        gate: _Gate,
    ) -> None:
        async def work() -> None:
            for request in requests:
                judge.take(await self._answer(request, transport, gate))

        tasks = [asyncio.create_task(work()) for _ in range(self._concurrency)]
        try:
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
            # What was sent may be paid for: it is waited for, and kept.
            await gate.close()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        for task in done:
            if not task.cancelled() and (failure := task.exception()) is not None:
                raise failure
        judge.release()

    async def _answer(
        self, request: BatchRequest, transport: AsyncTransport, gate: _Gate
    ) -> BatchOutcome:
        caller = _JobCaller(transport, self._ledger, gate)
        call = call_of(request, self._timeout_s, RequestRetry(self._policy, caller.refused))
        try:
            response = await caller.post(call)
        except LLMError as err:
            return failed(request, err)
        finally:
            if caller.answer is not None:
                gate.kept()
        return answered(request, response, caller.answer)


class _JobCaller(AsyncCaller):
    """Makes one call, whose tries wait for the job's turn. Keeps the answer as it came."""

    def __init__(self, transport: AsyncTransport, ledger: Ledger, gate: _Gate) -> None:
        super().__init__(transport, ledger)
        self.answer: Answer | None = None
        self._gate = gate
        self._epoch = 0

    def refused(self, pause_s: float) -> bool:
        """Tell the throttle that the server refuses."""
        return self._gate.throttle.refused(self._epoch, pause_s, time.monotonic())

    async def _send(self, path: str, body: bytes, timeout_s: float) -> Answer:
        gate = self._gate
        self._epoch = await gate.enter()
        try:
            answer = await super()._send(path, body, timeout_s)
            if 200 <= answer.status < 300:
                self.answer = answer
                gate.answered(self._epoch)
            return answer
        finally:
            gate.leave()


class _Gate:
    """Lets as many tasks pass as the throttle allows."""

    def __init__(self, throttle: Throttle) -> None:
        self.throttle = throttle
        self._waiting: deque[asyncio.Future[None]] = deque()
        self._closed = False
        # Answers that have arrived and are not on their way to the disk yet.
        self._n_unkept = 0
        self._idle = asyncio.Event()

    async def enter(self) -> int:
        """Wait for leave to send. :return: the throttle's epoch."""
        throttle = self.throttle
        try:
            while (wait_s := throttle.wait_s(time.monotonic())) != 0 or self._closed:
                if wait_s and not self._closed:
                    await asyncio.sleep(wait_s)
                    continue
                turn = asyncio.get_running_loop().create_future()
                self._waiting.append(turn)
                await turn
        except asyncio.CancelledError:
            self._let_in()  # its turn may have come already, and is another's then
            raise
        throttle.n_in_flight += 1
        return throttle.epoch

    def leave(self) -> None:
        """A request has ended: let those go on that have room now."""
        self.throttle.n_in_flight -= 1
        self._note_idle()
        self._let_in()

    def _let_in(self) -> None:
        if self._closed:
            return
        n_free = int(self.throttle.allowed) - self.throttle.n_in_flight
        while self._waiting and n_free > 0:
            turn = self._waiting.popleft()
            if not turn.done():
                turn.set_result(None)
                n_free -= 1

    def answered(self, epoch: int) -> None:
        """A request was answered, and what it got is not kept yet."""
        self._n_unkept += 1
        self.throttle.answered(epoch)

    def kept(self) -> None:
        """What a request got is handed on before the task waits for anything."""
        self._n_unkept -= 1
        self._note_idle()

    async def close(self) -> None:
        """Let nobody pass any more, and wait until nothing is in flight."""
        self._closed = True
        self._note_idle()
        await self._idle.wait()

    def _note_idle(self) -> None:
        if self._closed and not self.throttle.n_in_flight and not self._n_unkept:
            self._idle.set()
