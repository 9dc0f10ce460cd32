"""Settings of a ring that the environment has. Read when a ring is made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

from LLM.retry import RETRIED_STATUSES, RetryPolicy
from llmring.exceptions import ConfigurationError

#: Seconds that a try may take where nobody says otherwise.
TIMEOUT_S = 60.0
#: What stands for no bound: a day, the longest that the clients take.
NO_TIMEOUT_S = 86_400.0
_NONE = frozenset({"none", "off"})
_TRUE, _FALSE = frozenset({"1", "true", "yes", "on"}), frozenset({"0", "false", "no", "off"})


@dataclass(frozen=True, slots=True)
class RingSettings:
    """How a ring calls.

    :param timeout_s: seconds that a try may take; for a stream, until it begins, and each gap.
    :param retry_policy: decides on further rounds of tries.
    :param strict_cost: whether a call whose cost cannot be told is an error.
    :param log_metadata: whether calls may be noted.
    """

    timeout_s: float
    retry_policy: RetryPolicy
    strict_cost: bool
    log_metadata: bool = True

    @classmethod
    def read(
        cls, environ: Mapping[str, str], timeout: float | None, strict_cost: bool | None
    ) -> RingSettings:
        """The settings: what is given, else what the environment says, else the usual.

        :param timeout: seconds; None takes ``LLMRING_PROVIDER_TIMEOUT_S``.
        :param strict_cost: None takes ``LLMRING_STRICT_COST``.
        :raises ConfigurationError: a value cannot work; the message names it.
        """
        if strict_cost is None:
            strict_cost = flag(environ, "LLMRING_STRICT_COST")
        elif not isinstance(strict_cost, bool):
            raise ConfigurationError(f"strict_cost is {strict_cost!r}; give True or False")
        if timeout is None:
            timeout = _timeout(environ)
        elif not _is_within(timeout, 0.0, NO_TIMEOUT_S) or timeout == 0:
            raise ConfigurationError(
                f"timeout is {timeout!r}; give seconds, more than 0 and at most {NO_TIMEOUT_S:.0f}"
            )
        max_delay = number(environ, "LLMRING_RETRY_MAX_S", 30.0, 86_400.0)
        n_rounds = number(environ, "LLMRING_RETRY_ATTEMPTS", 3.0, 100.0)
        if not n_rounds.is_integer():
            raise ConfigurationError(
                f"LLMRING_RETRY_ATTEMPTS is {n_rounds:g}; set a whole number up to 100"
            )
        return cls(
            timeout_s=float(timeout),
            retry_policy=RetryPolicy(
                max_retries=max(0, int(n_rounds) - 1),
                base_delay=number(environ, "LLMRING_RETRY_BASE_S", 0.5, 600.0),
                max_delay=max_delay,
                max_retry_after=max_delay,
                jitter=0.25,
                # 529: Anthropic is overloaded.
                statuses=RETRIED_STATUSES | {529},
            ),
            strict_cost=strict_cost,
            log_metadata=flag(environ, "LLMRING_LOG_METADATA", usual=True),
        )


def _timeout(environ: Mapping[str, str]) -> float:
    name = "LLMRING_PROVIDER_TIMEOUT_S"
    text = environ.get(name, "").strip()
    if text.lower() in _NONE:
        return NO_TIMEOUT_S
    seconds = number(environ, name, TIMEOUT_S, NO_TIMEOUT_S, ", or 'none'")
    if seconds == 0:
        raise ConfigurationError(f"{name} is {text[:40]!r}; set more than 0, or 'none'")
    return seconds


def number(
    environ: Mapping[str, str], name: str, usual: float, most: float, other: str = ""
) -> float:
    """The number that a variable has, 0 to `most`.

    :param usual: what it is where the variable is not set.
    :param other: what else it may be, for the error.
    :raises ConfigurationError: the variable has something else.
    """
    text = environ.get(name, "").strip()
    if not text:
        return usual
    try:
        value = float(text)
    except ValueError:
        value = math.nan
    if not _is_within(value, 0.0, most):
        raise ConfigurationError(f"{name} is {text[:40]!r}; set a number up to {most:g}{other}")
    return value


def flag(environ: Mapping[str, str], name: str, *, usual: bool = False) -> bool:
    """Whether a variable says yes; not set is no.

    :raises ConfigurationError: it says neither yes nor no.
    """
    text = environ.get(name, "").strip().lower()
    if not text:
        return usual
    if text in _TRUE or text in _FALSE:
        return text in _TRUE
    raise ConfigurationError(f"{name} is {text[:40]!r}; set 1 or 0")


def _is_within(value: object, low: float, high: float) -> bool:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return is_number and low <= value <= high  # type: ignore[operator]  # is_number says it
