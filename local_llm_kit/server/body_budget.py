"""Memory for the bodies of all requests together: 800 clients with 8 MiB each would be 6 GiB."""

from __future__ import annotations

from starlette.types import Scope

from LLM.exceptions import LLMRateLimitError

#: Bytes that the bodies of all requests under way may have together.
MAX_HELD_BYTES = 256 << 20
#: A body of no more is always read, so that large ones do not keep the others out.
SMALL_BYTES = 64 << 10

_SCOPE_KEY = "local_llm_kit.held_body"


class BodyBudget:
    """What bodies take together. All is done in the server's loop.

    :ivar n_bytes: of all requests under way.
    """

    def __init__(self) -> None:
        self.n_bytes = 0

    def open(self, scope: Scope) -> HeldBody:
        """Begin to count a request's body; close what is given when it is answered."""
        held = scope[_SCOPE_KEY] = HeldBody(self)
        return held


class HeldBody:
    """One request's part of the budget."""

    def __init__(self, budget: BodyBudget) -> None:
        self._budget = budget
        self._n_bytes = 0

    def add(self, n_bytes: int) -> None:
        """Count bytes that have come.

        :raises LLMRateLimitError: there is no room for a large body.
        """
        self._n_bytes += n_bytes
        self._budget.n_bytes += n_bytes
        if self._n_bytes > SMALL_BYTES and self._budget.n_bytes > MAX_HELD_BYTES:
            raise LLMRateLimitError(
                "the server holds as many large requests as it can; try again later",
                status_code=429,
                retry_after=1,
                code="bodies_full",
            )

    def close(self) -> None:
        """Give all of it back."""
        self._budget.n_bytes -= self._n_bytes
        self._n_bytes = 0


def held_body(scope: Scope) -> HeldBody:
    """The part of the budget that a request has."""
    held: HeldBody = scope[_SCOPE_KEY]
    return held
