"""What OpenAI's models take, by their names: for those that the registry says nothing of. Pure.

Source: https://platform.openai.com/docs/guides/reasoning, and each model's own page, for efforts;
https://platform.openai.com/docs/api-reference/chat/create.
"""

from __future__ import annotations

import re
from functools import lru_cache

from llmring.providers.efforts import effort_for

# "gpt-5.1" is also written "gpt-5-1"; what follows must be no date.
_O_SERIES = re.compile(r"o[1-9](?=[-:]|\Z)")
# Azure's "gpt-35-turbo" is older.
_GPT = re.compile(r"gpt-([5-9])(?!\d)(?:[.-](\d{1,2})(?!\d))?")
#: GPT models that do not think, or not as a chat model does.
_NO_REASONING = ("-chat", "-image", "-audio", "-realtime")
#: Models whose efforts are of their own; all of them think whatever is asked.
_OWN_EFFORTS = ("-pro", "-codex", "-deep-research", "-search", "o1-mini", "o1-preview")


@lru_cache(maxsize=256)
def is_reasoning_model(model: str) -> bool:
    """Whether a model of this name thinks before it answers: o1 and on, GPT-5 and on."""
    name = _base(model)
    if _O_SERIES.match(name):
        return True
    return _GPT.match(name) is not None and not any(kind in name for kind in _NO_REASONING)


def least_effort(model: str) -> str | None:
    """The least `reasoning_effort` that a reasoning model takes; None where it is not known."""
    name = _base(model)
    if any(kind in name for kind in _OWN_EFFORTS):
        return None
    found = _GPT.match(name)
    if found is None:
        return "low"
    return "minimal" if (int(found[1]), int(found[2] or 0)) == (5, 0) else "none"


def fitting_effort(model: str, n_tokens: int) -> str | None:
    """The `reasoning_effort` for as many tokens of thought; None where it is not known.

    :param n_tokens: most tokens to think; 0 for the least effort.
    """
    least = least_effort(model)
    return least if least is None or n_tokens == 0 else effort_for(n_tokens)


def _base(model: str) -> str:
    """The name of the model that a tuned one comes from (``ft:o4-mini:org::id``)."""
    return model.removeprefix("ft:").lower()
