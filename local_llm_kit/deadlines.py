"""How long a call may take, and what is said when it takes longer."""

from __future__ import annotations

import time
from typing import Any

from LLM.exceptions import LLMTimeoutError
from local_llm_kit.fields import invalid, kind_of, shown

#: Longest time to wait that is taken, in seconds: what the system's clocks can count.
MAX_TIMEOUT_S = 1e6


class Deadlines:
    """When to stop waiting for an answer.

    :param timeout_s: seconds; None waits for ever. A whole answer has so long in total; a stream
        so long for its first event and between events, so that a healthy one is not cut.
    :param stream: whether the answer is streamed.
    """

    def __init__(self, timeout_s: float | None, *, stream: bool) -> None:
        self.timeout_s = timeout_s
        self._stream = stream
        self._start = time.monotonic()
        self._waits_for = "first_byte" if stream else "total"

    def left_s(self) -> float | None:
        """Seconds that may still be waited for the next event."""
        if self.timeout_s is None or self._waits_for == "between_chunks":
            return self.timeout_s
        return max(0.0, self.timeout_s - (time.monotonic() - self._start))

    def met(self) -> None:
        """Events have come."""
        if self._stream:
            self._waits_for = "between_chunks"

    def error(self, model: str) -> LLMTimeoutError:
        """The error once the time is up."""
        what = {
            "total": "the answer was not complete",
            "first_byte": "the stream had not begun",
            "between_chunks": "nothing more of the stream came",
        }[self._waits_for]
        return LLMTimeoutError(
            f"{what} within {self.timeout_s:g} seconds (deadline: {self._waits_for}); raise "
            "timeout or ask for less",
            model=model,
            code=self._waits_for,
        )


def checked_timeout_s(value: Any) -> float | None:
    """A timeout in seconds; None waits for ever.

    :raises InvalidRequestError: it is no time to wait.
    """
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise invalid("timeout", f"timeout must be a number of seconds, not {kind_of(value)}")
    if not 0 < value <= MAX_TIMEOUT_S:
        raise invalid(
            "timeout",
            f"timeout is {shown(value)}; give seconds, more than 0 and at most "
            f"{MAX_TIMEOUT_S:,.0f}, or None to wait for ever",
        )
    return float(value)
