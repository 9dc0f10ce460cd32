"""The tries of one call: after each failure, how long to wait, or the error to end with.

Pure, so that blocking and async calls give up and wait by the same rules: who makes the call sends,
hands failures in, and sleeps for what it is told.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping
from typing import Any

from LLM import debug, telemetry, wire
from LLM.codec import Source
from LLM.error_response import api_error
from LLM.exceptions import CassetteError, LLMError
from LLM.retry import RetryStrategy
from LLM.secrets import scrub_text

logger = logging.getLogger("LLM")
# Without a handler Python itself would print what fails, beside the error that the caller gets.
logger.addHandler(logging.NullHandler())


class Attempts:
    """Counts the tries of one call.

    :param policy: decides whether another try may follow.
    :param source: who answers, for the errors.
    :param failure_level: the level at which a call that failed for good is logged.
    """

    def __init__(
        self, policy: RetryStrategy, source: Source, failure_level: int = logging.ERROR
    ) -> None:
        self.made = 0
        self._policy = policy
        self._source = source
        self._failure_level = failure_level

    def delay_s(self, failure: LLMError) -> float:
        """Take a failed try. :return: seconds to wait before the next one.

        :raises LLMError: `failure`, when no other try may follow; it then says how many were made.
        """
        if isinstance(failure, CassetteError):
            # No policy of anybody's mends a recording, and what it shows is for no log.
            raise failure
        self.made += 1
        self._source.complete(failure)
        delay_s = self._policy.delay(failure, self.made)
        if delay_s is None or not delay_s >= 0:
            if self.made > 1:
                failure.message += f" (tried {self.made} times)"
                failure.args = (failure.message,)
            debug.note(f"given up after try {self.made}", of_last=True)
            facts = self._facts(failure)
            logger.log(self._failure_level, "call failed: %s", _loggable(failure), extra=facts)
            raise failure
        debug.note(f"try {self.made} failed; the next in {delay_s:.2f} s", of_last=True)
        if (recorder := telemetry.current) is not None:
            recorder.retried(failure, delay_s)
        logger.warning(
            "try %d failed, next in %.2f s: %s",
            self.made,
            delay_s,
            _loggable(failure),
            extra={**self._facts(failure), "delay_s": round(delay_s, 3)},
        )
        return wire.pause_s(delay_s)

    def _facts(self, failure: LLMError) -> dict[str, Any]:
        """What a log in JSON tells of a failure, beside the message."""
        secret = self._source.secret
        return {
            "provider": failure.provider,
            "model": failure.model,
            "error_class": type(failure).__name__,
            "status": failure.status_code,
            "code": failure.code and scrub_text(str(failure.code), secret),
            "request_id": failure.request_id and scrub_text(failure.request_id, secret),
            "tries": self.made,
        }


def refusal(status: int, headers: Mapping[str, str], body: bytes, source: Source) -> LLMError:
    """The error for an answer whose status is not 2xx."""
    return api_error(
        status,
        headers,
        body,
        provider=source.provider,
        model=source.model,
        secret=source.secret,
        now=time.time(),
    )


def _loggable(failure: LLMError) -> str:
    """What a log may hold: a server's own words can quote the prompt, and stay in the error."""
    if failure.status_code is None:
        return str(failure)
    name = type(failure).__name__
    return f"{name}, status {failure.status_code}, code {failure.code}, id {failure.request_id}"
