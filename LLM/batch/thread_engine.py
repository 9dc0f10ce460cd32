"""Answers a job's requests by blocking calls of a server, where there is no aiohttp."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator

from LLM.answer import Answer
from LLM.batch.calls import answered, call_of, failed
from LLM.batch.engine import Finish
from LLM.batch.judge import Judge
from LLM.batch.stop import StoppedError
from LLM.batch.threads import Threads
from LLM.batch.throttle import RequestRetry, Throttle
from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.caller import Caller
from LLM.exceptions import LLMError
from LLM.ledger import Ledger
from LLM.retry import RetryStrategy
from LLM.transport import Transport


class GatedThreads(Threads):
    """Threads that call one server: under one throttle, and judged together.

    :param concurrency: most requests in flight, each in a thread of its own.
    """

    def __init__(self, concurrency: int) -> None:
        super().__init__()
        self._concurrency = concurrency
        self._gate = Gate(Throttle(concurrency))

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        """Answer all requests. When the job must end, those in flight are waited for.

        :raises LLMError: the job cannot go on, or `stop` was called.
        """
        judge = Judge(finish)
        super().run(requests, judge.take)
        judge.release()

    def stop(self) -> None:
        """Begin no further request, and no further try. For any thread; repeatable."""
        super().stop()
        self._gate.close()

    def _n_threads(self) -> int:
        return self._concurrency


class ThreadEngine(GatedThreads):
    """Makes the calls of `LLM`, under the policies of a client: the twin of `LoopEngine`.

    :param transport: sends the requests.
    :param ledger: the client's policies.
    :param policy: decides on further tries of a request; the job's throttle on those of all.
    :param concurrency: most requests in flight, each in a thread of its own.
    :param timeout_s: seconds for each try.
    """

    def __init__(
        self,
        transport: Transport,
        ledger: Ledger,
        policy: RetryStrategy,
        *,
        concurrency: int,
        timeout_s: float,
    ) -> None:
        super().__init__(concurrency)
        self._transport = transport
        self._ledger = ledger
        self._policy = policy
        self._timeout_s = timeout_s

    def _answer(self, request: BatchRequest) -> BatchOutcome:
        caller = _JobCaller(self._transport, self._ledger, self._gate)
        call = call_of(request, self._timeout_s, RequestRetry(self._policy, caller.refused))
        try:
            response = caller.post(call)
        except LLMError as err:
            return failed(request, err)
        return answered(request, response, caller.answer)


class _JobCaller(Caller):
    """Makes one call, whose tries wait for the job's turn. Keeps the answer as it came."""

    def __init__(self, transport: Transport, ledger: Ledger, gate: Gate) -> None:
        super().__init__(transport, ledger)
        self.answer: Answer | None = None
        self._gate = gate
        self._epoch = 0

    def refused(self, pause_s: float) -> bool:
        """Tell the throttle that the server refuses."""
        return self._gate.refused(self._epoch, pause_s)

    def _send(self, path: str, body: bytes, timeout_s: float) -> Answer:
        self._epoch = self._gate.enter()
        is_success = False
        try:
            answer = super()._send(path, body, timeout_s)
            is_success = 200 <= answer.status < 300
            if is_success:
                self.answer = answer
        finally:
            self._gate.leave(self._epoch if is_success else None)
        return answer


class Gate:
    """Lets as many threads pass as the throttle allows."""

    def __init__(self, throttle: Throttle) -> None:
        self.closed = False
        self._throttle = throttle
        self._changed = threading.Condition()

    def enter(self) -> int:
        """Wait for leave to send.

        :return: the throttle's epoch.
        :raises StoppedError: nobody passes any more.
        """
        with self._changed:
            while (wait_s := self._throttle.wait_s(time.monotonic())) != 0 or self.closed:
                if self.closed:
                    raise StoppedError
                self._changed.wait(wait_s)
            self._throttle.n_in_flight += 1
            return self._throttle.epoch

    def leave(self, answered_epoch: int | None) -> None:
        """A request has ended. :param answered_epoch: of one that was answered."""
        with self._changed:
            self._throttle.n_in_flight -= 1
            if answered_epoch is not None:
                self._throttle.answered(answered_epoch)
            self._changed.notify()

    def refused(self, epoch: int, pause_s: float) -> bool:
        """As `Throttle.refused`."""
        with self._changed:
            return self._throttle.refused(epoch, pause_s, time.monotonic())

    def close(self) -> None:
        """Let nobody pass any more."""
        with self._changed:
            self.closed = True
            self._changed.notify_all()
