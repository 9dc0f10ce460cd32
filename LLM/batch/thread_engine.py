"""Answers a job's requests by blocking calls in threads, where there is no aiohttp."""

from __future__ import annotations

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Iterator

from LLM.answer import Answer
from LLM.batch.calls import answered, call_of, failed
from LLM.batch.engine import Finish
from LLM.batch.judge import Judge
from LLM.batch.throttle import RequestRetry, Throttle
from LLM.batch.types import BatchOutcome, BatchRequest
from LLM.caller import Caller
from LLM.exceptions import LLMError
from LLM.ledger import Ledger
from LLM.retry import RetryStrategy
from LLM.transport import Transport


class Threads(ABC):
    """Answers requests in threads, each of which makes one blocking call at a time.

    :param concurrency: most requests in flight, each in a thread of its own.
    """

    def __init__(self, concurrency: int) -> None:
        self._concurrency = concurrency
        self._gate = Gate(Throttle(concurrency))
        self._reading = threading.Lock()
        self._failure: BaseException | None = None

    def run(self, requests: Iterator[BatchRequest], finish: Finish) -> None:
        """Answer all requests. When the job must end, those in flight are waited for.

        :raises LLMError: the job cannot go on.
        """
        judge = Judge(finish)
        threads = [
            threading.Thread(
                target=self._work, args=(requests, judge), name=f"llm-batch-{n}", daemon=True
            )
            for n in range(self._concurrency)
        ]
        for thread in threads:
            thread.start()
        try:
            for thread in threads:
                thread.join()
        except BaseException:  # Ctrl-C
            self.stop()
            for thread in threads:
                thread.join()
            raise
        if self._failure is not None:
            raise self._failure
        if self._gate.closed:
            raise LLMError("the job was stopped; the same call goes on with it", code="stopped")
        judge.release()

    def stop(self) -> None:
        """Begin no further request. For any thread."""
        self._gate.close()

    def _work(self, requests: Iterator[BatchRequest], judge: Judge) -> None:
        try:
            while (request := self._next(requests)) is not None:
                judge.take(self._answer(request))
        except _StoppedError:
            pass  # it was to begin nothing further
        except BaseException as err:  # noqa: BLE001  # raised where the caller is
            self._failure = self._failure or err
            self.stop()

    def _next(self, requests: Iterator[BatchRequest]) -> BatchRequest | None:
        with self._reading:
            return None if self._gate.closed else next(requests, None)

    @abstractmethod
    def _answer(self, request: BatchRequest) -> BatchOutcome:
        """Make the call that a request asks for. Each try passes the gate."""


class ThreadEngine(Threads):
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


class _StoppedError(Exception):
    """The job ends; what waits for its turn shall not be sent."""


class Gate:
    """Lets as many threads pass as the throttle allows."""

    def __init__(self, throttle: Throttle) -> None:
        self.closed = False
        self._throttle = throttle
        self._changed = threading.Condition()

    def enter(self) -> int:
        """Wait for leave to send. :return: the throttle's epoch."""
        with self._changed:
            while (wait_s := self._throttle.wait_s(time.monotonic())) != 0 or self.closed:
                if self.closed:
                    raise _StoppedError
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
