"""What a run of a job may cost: which request still fits beside those in flight."""

from __future__ import annotations

import threading

from LLM.batch.estimate import most_completion_tokens, prompt_tokens, usage_of
from LLM.batch.tally import cost_of
from LLM.batch.types import BatchOutcome, BatchRequest, Price
from LLM.exceptions import LLMConfigError, UsageLimitError


class Budget:
    """A run's money: spent, and held for what is in flight. Safe for many threads.

    A request is held for at what its prompt and `max_tokens` may cost; without such a bound, at the
    mean of the answers so far. So what is spent can pass the limit only by bodies without a bound,
    and by the guess at the tokens of prompts.

    :param max_cost: most US dollars.
    :param price: of an answer.
    """

    def __init__(self, max_cost: float, price: Price) -> None:
        self.spent = 0.0
        #: Requests that were let through, ever.
        self.n_taken = 0
        #: What the last may cost that was not, until another is; 0 for none.
        self.refused = 0.0
        self._max_cost = max_cost
        self._price = price
        self._held: dict[int, float] = {}
        self._held_sum = 0.0
        self._n_answered = self._completion_tokens = 0
        self._priced: set[str] = set()
        self._lock = threading.Lock()

    def check(self, request: BatchRequest) -> None:
        """:raises LLMConfigError: the price of its model is not known."""
        model = _model(request)
        if model in self._priced:
            return
        if self._price(model, usage_of(1, 1)) is None:
            raise LLMConfigError(
                f"max_cost is {self._max_cost:g}, and no price is known for {model!r}; give a "
                "price that knows it, or leave max_cost out"
            )
        self._priced.add(model)

    def take(self, request: BatchRequest) -> bool:
        """Hold what a request may cost. :return: whether there is so much."""
        with self._lock:
            cost = self._expected(request)
            if self.spent + self._held_sum + cost > self._max_cost:
                self.refused = cost
                return False
            self.refused = 0.0
            self.n_taken += 1
            self._held[request.index] = cost
            self._held_sum += cost
            return True

    def settle(self, outcome: BatchOutcome) -> None:
        """A request has ended: what was held for it is free, and what it has cost is spent."""
        cost = cost_of(outcome, self._price)
        with self._lock:
            held = self._held.pop(outcome.request.index, 0.0)
            self._held_sum = self._held_sum - held if self._held else 0.0
            self.spent += held if cost is None else cost
            if outcome.usage is not None:
                self._n_answered += 1
                self._completion_tokens += outcome.usage.completion_tokens or 0

    def error(self, n_left: int) -> UsageLimitError:
        """What ends the job. :param n_left: requests that were not sent."""
        return UsageLimitError(
            f"max_cost is ${self._max_cost:g}: ${self.spent:.3g} is spent, and the next request "
            f"may cost ${self.refused:.3g}; {n_left:,} requests were not sent, and the same call "
            "goes on with them",
            code="max_cost",
        )

    def _expected(self, request: BatchRequest) -> float:
        most = most_completion_tokens(request)
        if most is None:
            most = self._completion_tokens // self._n_answered if self._n_answered else 0
        return self._price(_model(request), usage_of(prompt_tokens(request), most)) or 0.0


def _model(request: BatchRequest) -> str:
    return str(request.body.get("model"))
