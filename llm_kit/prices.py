"""What answers cost, by the list of models that comes with llmring, which asks no network."""

from __future__ import annotations

import threading
from collections.abc import Callable

from LLM.batch.types import Price
from LLM.types import Usage
from llmring.registry import Registry


def registry_price(provider: str, *, unknown: Callable[[str], object] | None = None) -> Price:
    """A price for jobs, of one provider's models.

    :param provider: as the registry has it: ``openai``, ``anthropic``, ``google``, ``local``.
    :param unknown: is told a model whose price is not known, once for each.
    :return: dollars of an answer by its model and token counts; None where they are not known. Safe
        to call from any thread.
    """
    registry, told, lock = Registry(), set[str](), threading.Lock()

    def price(model: str, usage: Usage) -> float | None:
        dollars = registry.cost(usage.model_dump(), f"{provider}:{model}").total
        if dollars is not None:
            return dollars
        with lock:
            is_new = model not in told
            told.add(model)
        if is_new and unknown is not None:
            unknown(model)
        return None

    return price
