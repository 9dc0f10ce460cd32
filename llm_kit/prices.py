"""What answers cost, by the list of models that comes with llmring, which asks no network."""

from __future__ import annotations

import threading
from collections.abc import Callable
from urllib.parse import urlsplit

from LLM.batch.types import Price
from LLM.types import Usage
from llmring.registry import Registry

# Whose prices hold at an address. What anybody else's server takes for a model, no list knows.
_HOSTS = {
    "api.openai.com": "openai",
    "api.anthropic.com": "anthropic",
    "generativelanguage.googleapis.com": "google",
}

#: What the providers take for their batch endpoints, as a share of the usual price.
#: Source: https://platform.openai.com/docs/guides/batch,
#: https://docs.claude.com/en/docs/build-with-claude/batch-processing
BATCH_FACTOR = 0.5


def registry_price(
    provider: str, *, factor: float = 1.0, unknown: Callable[[str], object] | None = None
) -> Price:
    """A price for jobs, of one provider's models.

    :param provider: as the registry has it: ``openai``, ``anthropic``, ``google``, ``local``.
    :param factor: share of the usual price that is paid, at least 0: `BATCH_FACTOR` at the
        providers' batch endpoints.
    :param unknown: is told a model whose price is not known, once for each.
    :return: dollars of an answer by its model and token counts; None where they are not known. Safe
        to call from any thread.
    """
    registry, told, lock = Registry(), set[str](), threading.Lock()

    def price(model: str, usage: Usage) -> float | None:
        dollars = registry.cost(usage.model_dump(), f"{provider}:{model}").total
        if dollars is not None:
            return dollars * factor
        with lock:
            is_new = model not in told
            told.add(model)
        if is_new and unknown is not None:
            unknown(model)
        return None

    return price


def provider_of(base_url: str) -> str | None:
    """The provider whose own address it is; None for anybody else's."""
    return _HOSTS.get(urlsplit(base_url).hostname or "")
