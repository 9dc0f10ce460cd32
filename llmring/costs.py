"""What a call cost, as `LLMRing.calculate_cost` gives it."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any, Self

from llmring.exceptions import CostTrackingError
from llmring.registry import Cost


class Costs(dict[str, float]):
    """Dollars by part: ``input_cost``, ``output_cost``, …, ``total_cost``, and the prices taken.

    It may be awaited, which gives itself. It is empty where the cost cannot be told.

    :param status: ``priced``, or why the cost cannot be told.
    """

    def __init__(self, cost: Cost, model: str) -> None:
        super().__init__(cost.costs or {})
        self.status = cost.status
        self._model = model

    def __missing__(self, key: str) -> float:
        if self:
            raise KeyError(key)
        raise CostTrackingError(
            f"what the call of {self._model} cost cannot be told: {self.status}", code=self.status
        )

    def __await__(self) -> Generator[Any, Any, Self]:
        yield from ()
        return self
