"""How many tokens a client has used, per model and in all, and a limit that is never passed."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field

from LLM.exceptions import UsageLimitError
from LLM.types import Usage


def estimate_tokens(size_bytes: int) -> int:
    """A guess at the tokens in `size_bytes` of UTF-8 text: four bytes a token, rounded up.

    It stands in where only the provider's tokenizer could tell; English comes out about right.
    """
    return -(-size_bytes // 4)


@dataclass(frozen=True, slots=True)
class UsageTotals:
    """Tokens of a number of calls.

    :param calls: calls that were answered.
    :param prompt_tokens: tokens of the prompts.
    :param completion_tokens: tokens of the answers.
    :param estimated_calls: calls whose answer told no usage, counted by estimate.
    """

    calls: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated_calls: int = 0

    @property
    def total_tokens(self) -> int:
        """Prompt and completion tokens together."""
        return self.prompt_tokens + self.completion_tokens

    def plus(self, usage: Usage, *, estimated: bool = False) -> UsageTotals:
        """:return: these totals with one more call."""
        return UsageTotals(
            self.calls + 1,
            self.prompt_tokens + usage.prompt_tokens,
            self.completion_tokens + usage.completion_tokens,
            self.estimated_calls + estimated,
        )


@dataclass(slots=True)
class UsageTracker:
    """Counts tokens, and refuses the call that would pass `max_total_tokens`. Thread-safe.

    Calls in flight hold a reservation, so that many threads cannot pass the limit together.

    :param max_total_tokens: tokens that all calls together may use; None for no limit.
    """

    max_total_tokens: int | None = None
    _total: UsageTotals = field(default_factory=UsageTotals)
    _by_model: dict[str, UsageTotals] = field(default_factory=dict)
    _reserved: int = 0
    # Reentrant: a stream that the garbage collector drops is settled wherever that happens.
    _lock: threading.RLock = field(default_factory=threading.RLock, repr=False)

    @property
    def total(self) -> UsageTotals:
        """Totals over all models."""
        return self._total

    @property
    def by_model(self) -> dict[str, UsageTotals]:
        """Totals of each model that was asked, as a copy."""
        with self._lock:
            return dict(self._by_model)

    def reserve(self, n_tokens: int) -> None:
        """Hold `n_tokens`, the least that the coming call is expected to use.

        :raises UsageLimitError: the limit is reached, or this call would pass it.
        """
        with self._lock:
            limit = self.max_total_tokens
            used = self._total.total_tokens + self._reserved
            if limit is not None and (used >= limit or used + n_tokens > limit):
                raise UsageLimitError(
                    f"max_total_tokens is {limit:,}: {self._total.total_tokens:,} tokens are used, "
                    f"{self._reserved:,} held by calls in flight, and this call needs about "
                    f"{n_tokens:,}; raise the limit or call usage.clear()",
                    code="max_total_tokens",
                )
            self._reserved += n_tokens

    def release(self, reserved: int) -> None:
        """Give back what a failed call held."""
        with self._lock:
            self._reserved -= reserved

    def settle(self, reserved: int, model: str, usage: Usage, *, estimated: bool = False) -> None:
        """Replace a reservation by what the call used."""
        with self._lock:
            self._reserved -= reserved
            self._total = self._total.plus(usage, estimated=estimated)
            of_model = self._by_model.get(model, UsageTotals())
            self._by_model[model] = of_model.plus(usage, estimated=estimated)

    def clear(self) -> None:
        """Start counting from zero; reservations of calls in flight stay."""
        with self._lock:
            self._total = UsageTotals()
            self._by_model.clear()
