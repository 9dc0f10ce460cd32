"""What a job would take: the dry run's sums. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from LLM.batch.digests import DigestTable
from LLM.batch.report import BatchEstimate
from LLM.batch.types import BatchRequest, Price
from LLM.estimate import estimated_usage
from LLM.types import Usage

#: Tokens of a request's prompt.
CountTokens = Callable[[BatchRequest], int]

_BOUNDS = ("max_completion_tokens", "max_tokens", "max_output_tokens")


class Estimator:
    """Sums up requests.

    :param price: prices them; None prices none.
    :param count_tokens: counts prompts with the model's tokenizer; None guesses by their bytes.
    """

    def __init__(self, price: Price | None, count_tokens: CountTokens | None) -> None:
        self._price = price
        self._count = count_tokens
        self._wordings = DigestTable()
        self._n = 0
        self._prompt_tokens = 0
        self._completion_tokens: int | None = 0
        self._prompt_cost = None if price is None else 0.0
        self._max_cost = None if price is None else 0.0

    def add(self, request: BatchRequest) -> None:
        """Count a request that would be sent."""
        self._n += 1
        self._wordings.add(int(request.id.rpartition("_")[2][:16], 16) or 1, 0)
        prompt = prompt_tokens(request) if self._count is None else self._count(request)
        most = most_completion_tokens(request)
        self._prompt_tokens += prompt
        self._completion_tokens = _sum(self._completion_tokens, most)
        if self._price is not None:
            model = str(request.body.get("model"))
            alone = self._price(model, usage_of(prompt, 0))
            self._prompt_cost = _sum(self._prompt_cost, alone)
            whole = None if most is None else self._price(model, usage_of(prompt, most))
            self._max_cost = _sum(self._max_cost, whole)

    def estimate(self) -> BatchEstimate:
        """What it comes to."""
        return BatchEstimate(
            n_requests=self._n,
            n_distinct=len(self._wordings),
            prompt_tokens=self._prompt_tokens,
            is_exact=self._count is not None,
            max_completion_tokens=self._completion_tokens,
            prompt_cost=self._prompt_cost,
            max_cost=self._max_cost,
        )


def most_completion_tokens(request: BatchRequest) -> int | None:
    """Most tokens that a request's answers may have together; None where it sets no bound."""
    if request.url == "/v1/embeddings":
        return 0
    body = request.body
    bound = next((body[name] for name in _BOUNDS if isinstance(body.get(name), int)), None)
    if bound is None:
        return None
    n_choices = body.get("n") if isinstance(body.get("n"), int) else 1
    prompts = body.get("prompt")
    many = isinstance(prompts, list) and prompts and not isinstance(prompts[0], int)
    return int(bound) * max(1, n_choices or 1) * (len(prompts or ()) if many else 1)


def _sum(total: Any, value: Any) -> Any:
    return None if total is None or value is None else total + value


def prompt_tokens(request: BatchRequest) -> int:
    """Tokens of a request's prompt, guessed by its bytes."""
    return estimated_usage(request.content, None).prompt_tokens or 0


def usage_of(prompt: int, completion: int) -> Usage:
    """So many tokens."""
    return Usage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )
