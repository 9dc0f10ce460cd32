"""What was tried for one call, for the answer, the error and the log."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any

from LLM.exceptions import LLMConfigError, LLMConnectionError, LLMError

Clock = Callable[[], float]

logger = logging.getLogger("llmring")
# Without a handler Python itself would print what fails, beside the error that the caller gets.
logger.addHandler(logging.NullHandler())


class Attempts:
    """What was tried for one call, in order, as `LLMResponse.attempts` tells it.

    :param clock: seconds that only grow.
    """

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
        elapsed_s = self._clock() - self._began
        self.told.append(
            {
                "model": model,
                "outcome": "failed",
                "reason": error.message,
                "error": type(error).__name__,
                "status_code": error.status_code,
                "retry_after": error.retry_after,
                "elapsed_s": elapsed_s,
            }
        )
        provider, _, own_name = model.partition(":")
        facts = {
            "provider": provider,
            "model": own_name,
            "error_class": type(error).__name__,
            "status": error.status_code,
            "code": error.code,
            "request_id": error.request_id,
            "duration_s": round(elapsed_s, 3),
        }
        logger.warning("%s failed after %.2f s: %s", model, elapsed_s, loggable(error), extra=facts)

    def answered(self, model: str) -> None:
        """The try ended with an answer, or with the beginning of one."""
        elapsed_s = self._clock() - self._began
        self.told.append({"model": model, "outcome": "answered", "elapsed_s": elapsed_s})

    def cut(self, model: str, error: LLMError) -> None:
        """The answer that had begun, the last that was told, ended with an error."""
        self.told.pop()
        self.failed(model, error)


def loggable(error: LLMError) -> str:
    """What a log may hold: a provider's own words can quote the prompt, and stay in the error."""
    name = type(error).__name__
    if isinstance(error, (LLMConnectionError, LLMConfigError)):
        return f"{name}: {error.message}"
    return f"{name}, status {error.status_code}, code {error.code}, id {error.request_id}"
