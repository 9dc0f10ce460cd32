"""Which model answers: the models of a pool in turn, and again after a while.

Each model is tried once in each round. What a model's failure means is decided by its class alone,
which the HTTP status decided:

- the caller's mistake ends the call at once, for the next model would say the same, unless its
  code says that it is one only for this model;
- any other failure moves on to the next model, without waiting;
- when all have failed, those that may do better after a while are tried in another round, but for
  those whose Retry-After is not over by then.

So nobody waits for a model while another one is there, and there is one owner of retries: the
providers' clients make none.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Generic, TypeVar

from LLM import debug, wire
from LLM.exceptions import (
    CassetteError,
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
from llmring.attempts import Attempts, Clock, logger
from llmring.breaker import Admission, CircuitBreaker
from llmring.exceptions import (
    CircuitBreakerError,
    LLMRingError,
    is_retryable_error,
    wrap_exception,
)

T = TypeVar("T")

#: The code of what was understood and cannot be honoured by a model, an image for one that reads
#: text for example; of models in this process, and of OpenAI's.
_CANNOT = "unsupported_parameter"
#: Models whose breakers are kept.
_MAX_BREAKERS = 10_000


def moves_on(error: LLMError) -> bool:
    """Whether the next model of the pool is to be tried after `error`.

    A window that is too small, a model that is gone, one that cannot do what it was asked for, and
    a provider that is not set up are of one model; other refusals are the caller's to mend.
    """
    if isinstance(error, (LLMContextLengthError, LLMModelNotFoundError, LLMConfigError)):
        return True
    if error.code == _CANNOT:
        return True
    # Another model would only be missed as well: it was not asked when the cassette was recorded.
    return not isinstance(error, (InvalidRequestError, CassetteError))


def trips(error: LLMError) -> bool:
    """Whether `error` counts against the model's breaker: a failure that is not the caller's."""
    return isinstance(
        error, (LLMConnectionError, LLMRateLimitError, LLMResponseError, LLMServerError)
    )


class Answered(Generic[T]):
    """The first answer of a pool, or the beginning of one.

    Who takes it says how it ended: `completed`, `failed`, or `released`.

    :param model: ``provider:model`` that gave it.
    :param attempts: those that led to it.
    """

    __slots__ = ("_admission", "_attempts", "model", "value")

    def __init__(self, model: str, value: T, admission: Admission, attempts: Attempts) -> None:
        self.model = model
        self.value = value
        self._admission = admission
        self._attempts = attempts

    def completed(self) -> None:
        """All of it has arrived."""
        self._admission.succeeded()

    def failed(self, error: LLMError) -> LLMRingError:
        """It was cut. :return: what the caller is to be told."""
        failure = _wrapped(error, self.model, self._attempts)
        self._attempts.cut(self.model, failure)
        _tell(self._admission, self.model, failure)
        return failure

    def released(self) -> None:
        """It was left before its end."""
        self._admission.released()


class Failover:
    """Tries the models of pools. Tasks and threads may share it.

    :param policy: decides on further rounds.
    :param breaker: makes the breaker of a model.
    :param clock: seconds that only grow.
    """

    def __init__(
        self,
        policy: RetryStrategy,
        breaker: Callable[[], CircuitBreaker] = CircuitBreaker,
        clock: Clock = time.monotonic,
    ) -> None:
        self.policy = policy
        self.clock = clock
        self._make_breaker = breaker
        self._breakers: dict[str, CircuitBreaker] = {}

    @property
    def breakers(self) -> Mapping[str, CircuitBreaker]:
        """The breakers of the models that were asked so far."""
        return self._breakers

    def breaker(self, model: str) -> CircuitBreaker:
        """The breaker of a model."""
        breaker = self._breakers.get(model)
        if breaker is None:
            if len(self._breakers) >= _MAX_BREAKERS:
                self._forget_the_well()
            breaker = self._breakers.setdefault(model, self._make_breaker())
        return breaker

    def _forget_the_well(self) -> None:
        """Names of models may come from strangers; those that have not failed need no breaker."""
        failed = {name: one for name, one in list(self._breakers.items()) if one.failure_count}
        self._breakers = failed if len(failed) < _MAX_BREAKERS else {}

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
        rounds = _Rounds(self, models, attempts)
        while True:
            answered = await rounds.make(ask)
            if answered is not None:
                return answered
            delay_s = rounds.prepare_next()
            debug.note(f"all models have failed; asked again in {delay_s:.2f} s")
            logger.info("all models have failed; asking again in %.2f s", delay_s)
            await asyncio.sleep(wire.pause_s(delay_s))


class _Rounds:
    """The rounds of one call: which models are asked in the next one, and how each failed last."""

    def __init__(self, failover: Failover, models: Sequence[str], attempts: Attempts) -> None:
        self._failover = failover
        self._models = self._due = list(dict.fromkeys(models))
        self._attempts = attempts
        self._n_made = 0
        self._admissions: dict[str, Admission] = {}
        # The last failure of each model, the latest last; and when its Retry-After is over.
        self._failures: dict[str, LLMRingError] = {}
        self._rested_at: dict[str, float] = {}

    async def make(self, ask: Callable[[str], Awaitable[T]]) -> Answered[T] | None:
        """Try each model that is due. :return: the first answer; None when all failed."""
        self._n_made += 1
        for model in self._due:
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
                return Answered(model, value, admission, self._attempts)
        return None

    def prepare_next(self) -> float:
        """Seconds to wait before the next round.

        :raises LLMRingError: there is none.
        """
        delays: dict[str, float] = {}
        for model in self._models:
            failure = self._failures[model]
            delay_s = self._failover.policy.delay(failure, self._n_made)
            # An open breaker is not waited for: it is there so that nobody waits.
            if delay_s is not None and not isinstance(failure, CircuitBreakerError):
                delays[model] = delay_s
        if not delays:
            raise self._final_failure()
        first_s = min(delays.values())
        end = self._failover.clock() + first_s
        self._due = [
            model for model in delays if delays[model] == first_s or self._rested_at[model] <= end
        ]
        return first_s

    def _final_failure(self) -> LLMRingError:
        """What the call ends with."""
        latest_first = list(reversed(self._failures.values()))
        asked = [one for one in latest_first if not isinstance(one, CircuitBreakerError)]
        mended = [one for one in asked if is_retryable_error(one)]
        if asked and not mended:
            return asked[0]  # a real failure tells more than a breaker that is open
        return min(mended or latest_first, key=_retry_after_s)

    def _admission(self, model: str) -> Admission | None:
        """Leave to ask the model; one for all rounds, for the tries of a call fail as one."""
        if model in self._admissions:
            return self._admissions[model]
        breaker = self._failover.breaker(model)
        admission = breaker.admit()
        if admission is not None:
            self._admissions[model] = admission
            return admission
        self._attempts.skipped(model, breaker.retry_after)
        failure = _turned_away(model, breaker)
        failure.details["attempts"] = self._attempts.told
        self._failures[model] = failure
        return None

    def _take(self, model: str, admission: Admission, error: LLMError) -> None:
        """Take a failure.

        :raises LLMRingError: it ends the call.
        """
        failure = _wrapped(error, model, self._attempts)
        self._attempts.failed(model, failure)
        _tell(admission, model, failure)
        if not moves_on(failure):
            raise failure
        self._failures.pop(model, None)
        self._failures[model] = failure
        self._rested_at[model] = self._failover.clock() + _retry_after_s(failure)


def _retry_after_s(failure: LLMRingError) -> float:
    return failure.retry_after or 0.0


def _wrapped(error: LLMError, model: str, attempts: Attempts) -> LLMRingError:
    failure = wrap_exception(error, provider=model.partition(":")[0], model=model)
    failure.details["attempts"] = attempts.told
    return failure


def _tell(admission: Admission, model: str, failure: LLMRingError) -> None:
    """Tell the model's breaker of a failure."""
    if not trips(failure):
        admission.released()
    elif admission.failed(failure.retry_after):
        logger.warning("%s has failed too often in a row and is left alone for a while", model)


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
