"""Which model answers: the models of a pool in turn, and again after a while.

Each model is tried once in each round. What a model's failure means is decided by its class alone,
which the HTTP status decided:

- the caller's mistake ends the call at once, for the next model would say the same;
- any other failure moves on to the next model, without waiting;
- when all have failed, those that may do better after a while are tried in another round.

So nobody waits for a model while another one is there, and there is one owner of retries: the
providers' clients make none.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

from LLM.exceptions import (
    InvalidRequestError,
    LLMConfigError,
    LLMConnectionError,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
)
from LLM.exceptions import ModelNotFoundError as LLMModelNotFoundError
from LLM.retry import RetryStrategy
from llmring.breaker import Admission, CircuitBreaker
from llmring.exceptions import CircuitBreakerError, LLMRingError, wrap_exception

T = TypeVar("T")
Clock = Callable[[], float]


def moves_on(error: LLMError) -> bool:
    """Whether the next model of the pool is to be tried after `error`.

    A window that is too small, a model that is gone, and a provider that is not set up are of one
    model; other refusals are the caller's to mend.
    """
    if isinstance(error, (LLMContextLengthError, LLMModelNotFoundError, LLMConfigError)):
        return True
    return not isinstance(error, InvalidRequestError)


def trips(error: LLMError) -> bool:
    """Whether `error` counts against the model's breaker: a failure that is not the caller's."""
    return isinstance(
        error, (LLMConnectionError, LLMRateLimitError, LLMResponseError, LLMServerError)
    )


class Attempts:
    """What was tried for one call, in order, as `LLMResponse.attempts` tells it."""

    def __init__(self, clock: Clock = time.monotonic) -> None:
        self.told: list[dict[str, Any]] = []
        self._clock = clock
        self._began = 0.0

    def unavailable(self, model: str, reason: str) -> None:
        """The model's provider is not set up."""
        self.told.append({"model": model, "outcome": "unavailable", "reason": reason})

    def skipped(self, model: str, retry_after: float) -> None:
        """The model's breaker is open."""
        reason = "its circuit breaker is open"
        told = {"model": model, "outcome": "skipped", "reason": reason, "retry_after": retry_after}
        self.told.append(told)

    def begin(self) -> None:
        """A try begins."""
        self._began = self._clock()

    def failed(self, model: str, error: LLMError) -> None:
        """The try ended with an error."""
        self.told.append(
            {
                "model": model,
                "outcome": "failed",
                "reason": error.message,
                "error": type(error).__name__,
                "status_code": error.status_code,
                "retry_after": error.retry_after,
                "elapsed_s": self._clock() - self._began,
            }
        )

    def answered(self, model: str) -> None:
        """The try ended with an answer, or with the beginning of one."""
        elapsed_s = self._clock() - self._began
        self.told.append({"model": model, "outcome": "answered", "elapsed_s": elapsed_s})


class Answered(Generic[T]):
    """The first answer of a pool.

    :param model: ``provider:model`` that gave it.
    :param admission: what its breaker is told when the answer is complete, or cut.
    """

    __slots__ = ("admission", "model", "value")

    def __init__(self, model: str, value: T, admission: Admission) -> None:
        self.model = model
        self.value = value
        self.admission = admission


class Failover:
    """Tries the models of pools. Tasks and threads may share it.

    :param policy: decides on further rounds.
    :param breaker: makes the breaker of a model.
    """

    def __init__(
        self, policy: RetryStrategy, breaker: Callable[[], CircuitBreaker] = CircuitBreaker
    ) -> None:
        self._policy = policy
        self._make_breaker = breaker
        self._breakers: dict[str, CircuitBreaker] = {}

    @property
    def breakers(self) -> Mapping[str, CircuitBreaker]:
        """The breakers of the models that were asked so far."""
        return self._breakers

    async def run(
        self,
        models: Sequence[str],
        ask: Callable[[str], Awaitable[T]],
        attempts: Attempts,
    ) -> Answered[T]:
        """The first answer.

        :param models: ``provider:model``, the first choice first; at least one.
        :param ask: makes one try at a model.
        :raises LLMRingError: that of the failure that a wait mends soonest, or else of the last.
        """
        rounds = _Round(self, models, attempts)
        n_made = 0
        while True:
            answered = await rounds.make(ask)
            if answered is not None:
                return answered
            n_made += 1
            failure = rounds.failure()
            delay_s = self._policy.delay(failure, n_made)
            if delay_s is None:
                raise failure
            await asyncio.sleep(delay_s)

    def _breaker(self, model: str) -> CircuitBreaker:
        breaker = self._breakers.get(model)
        if breaker is None:
            breaker = self._breakers.setdefault(model, self._make_breaker())
        return breaker


class _Round:
    """The rounds of one call: which models are left, and how each ended."""

    def __init__(self, failover: Failover, models: Sequence[str], attempts: Attempts) -> None:
        self._failover = failover
        self._models = list(models)
        self._attempts = attempts
        self._admissions: dict[str, Admission] = {}
        self._failures: list[LLMRingError] = []

    async def make(self, ask: Callable[[str], Awaitable[T]]) -> Answered[T] | None:
        """Try each model that is left. :return: the first answer; None when all failed."""
        self._failures = []
        for model in list(self._models):
            admission = self._admission(model)
            if admission is None:
                continue
            self._attempts.begin()
            try:
                value = await ask(model)
            except LLMError as err:
                self._take(model, admission, err)
            except BaseException:
                admission.released()
                raise
            else:
                self._attempts.answered(model)
                return Answered(model, value, admission)
        return None

    def failure(self) -> LLMRingError:
        """What the round ended with."""
        soonest = min(self._failures, key=_wait_s)
        if _wait_s(soonest) == math.inf:
            # Nothing mends by waiting: a real failure tells more than a breaker that is open.
            asked = [one for one in self._failures if not isinstance(one, CircuitBreakerError)]
            soonest = asked[-1] if asked else min(self._failures, key=_retry_after_s)
        soonest.details["attempts"] = self._attempts.told
        return soonest

    def _admission(self, model: str) -> Admission | None:
        """Leave to ask the model; one for all rounds, for the tries of a call fail as one."""
        if model in self._admissions:
            return self._admissions[model]
        breaker = self._failover._breaker(model)
        admission = breaker.admit()
        if admission is not None:
            self._admissions[model] = admission
            return admission
        self._attempts.skipped(model, breaker.retry_after)
        self._failures.append(_turned_away(model, breaker))
        self._models.remove(model)
        return None

    def _take(self, model: str, admission: Admission, error: LLMError) -> None:
        """Take a failure.

        :raises LLMRingError: it ends the call.
        """
        failure = wrap_exception(error, provider=model.partition(":")[0], model=model)
        self._attempts.failed(model, failure)
        if trips(failure):
            admission.failed(failure.retry_after)
        else:
            admission.released()
        if not moves_on(failure):
            failure.details["attempts"] = self._attempts.told
            raise failure
        self._failures.append(failure)
        if not self._may_do_better(failure):
            self._models.remove(model)

    def _may_do_better(self, failure: LLMRingError) -> bool:
        return self._failover._policy.delay(failure, 1) is not None


def _wait_s(failure: LLMRingError) -> float:
    """Seconds after which another try may do better; infinite for never."""
    if isinstance(failure, CircuitBreakerError) or not trips(failure):
        return math.inf
    if isinstance(failure, LLMRateLimitError) and failure.quota_exhausted:
        return math.inf
    return failure.retry_after or 0.0


def _retry_after_s(failure: LLMRingError) -> float:
    return failure.retry_after or 0.0


def _turned_away(model: str, breaker: CircuitBreaker) -> CircuitBreakerError:
    retry_after, count = breaker.retry_after, breaker.failure_count
    return CircuitBreakerError(
        f"{model} has failed {count} times in a row and is left alone for {retry_after:.1f} s; "
        "wait, or name another model",
        details={"failure_count": count},
        provider=model.partition(":")[0],
        model=model,
        retry_after=retry_after,
    )
