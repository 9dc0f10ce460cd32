"""How much Gemini thinks: OpenAI's efforts, or tokens, as each generation of models takes them.

Models before Gemini 3 take a budget in tokens, later ones a level.

Source: https://ai.google.dev/gemini-api/docs/thinking;
https://cloud.google.com/vertex-ai/generative-ai/docs/thinking (levels and budgets of each model);
https://ai.google.dev/gemini-api/docs/openai#thinking (efforts).
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Any, NamedTuple

from cloud.llm.gemini.contents import OLDER_MODEL
from LLM.exceptions import InvalidRequestError

# What Google's own OpenAI endpoint makes of efforts for the models that count thoughts in tokens.
_BUDGETS = {"minimal": 1024, "low": 1024, "medium": 8192, "high": 24_576}
#: The level for as many tokens of thought, by the same measure.
_LEVELS = ((24_576, "HIGH"), (8192, "MEDIUM"), (1024, "LOW"))
#: Fewest and most tokens of thought of the models that count them.
_RANGES = {"pro": (128, 32_768), "flash": (0, 24_576), "flash-lite": (512, 24_576)}

_NAME = re.compile(r"gemini-(\d+)(?:\.(\d+))?-(pro|flash-lite|flash)(?![a-z])")
#: Further words in the names of models that are not for chats in text.
_OTHER_KINDS = re.compile(r"-(audio|computer|image|live|tts)\b")


class _Model(NamedTuple):
    generation: tuple[int, int]
    kind: str


def effort_config(effort: Any, model: str) -> dict[str, Any]:
    """OpenAI's effort as a `thinkingConfig`.

    Thoughts that were asked for are shown as well. A model that cannot do without thinking
    thinks least.

    :raises InvalidRequestError: there is no such effort.
    """
    if not isinstance(effort, str) or not effort:
        raise InvalidRequestError(
            f"reasoning_effort is {effort!r}; give 'none', 'minimal', 'low', 'medium' or 'high'"
        )
    counts_tokens = OLDER_MODEL.search(model) is not None
    if effort == "none":
        # Of a model that is not known: what most take.
        return least_config(model) or (
            {"thinkingBudget": 0} if counts_tokens else {"thinkingLevel": "LOW"}
        )
    if not counts_tokens:
        return {"thinkingLevel": effort.upper(), "includeThoughts": True}
    if effort not in _BUDGETS:
        raise InvalidRequestError(
            f"reasoning_effort is {effort!r}; {model} takes 'none', "
            f"{', '.join(map(repr, _BUDGETS))}"
        )
    return {"thinkingBudget": _BUDGETS[effort], "includeThoughts": True}


def least_config(model: str) -> dict[str, Any] | None:
    """The `thinkingConfig` for the least thinking; None for a model that is not known to think."""
    known = _known(model)
    if known is None:
        return None
    if known.generation < (3, 0):
        return {"thinkingBudget": _RANGES["pro"][0] if known.kind == "pro" else 0}
    return {"thinkingLevel": "MINIMAL" if _takes_minimal(known) else "LOW"}


def can_do_without(model: str) -> bool:
    """Whether a model is known to think, and can be kept from it (all but wholly, by a level)."""
    known = _known(model)
    if known is None:
        return False
    return known.kind != "pro" if known.generation < (3, 0) else _takes_minimal(known)


def budget_config(n_tokens: int, model: str) -> dict[str, Any] | None:
    """The `thinkingConfig` for a number of tokens of thought; None as for `least_config`.

    Thoughts that were asked for are shown as well.

    :param n_tokens: most tokens to think; 0 for the least that the model can do with. What is
        outside a model's range becomes its nearest end.
    """
    known = _known(model)
    if known is None or n_tokens == 0:
        return least_config(model)
    if known.generation < (3, 0):
        fewest, most = _RANGES[known.kind]
        return {"thinkingBudget": min(max(n_tokens, fewest), most), "includeThoughts": True}
    least = "MINIMAL" if _takes_minimal(known) else "LOW"
    level = next((level for begin, level in _LEVELS if n_tokens >= begin), least)
    if level == "MEDIUM" and known == ((3, 0), "pro"):
        level = "LOW"  # it has nothing between
    return {"thinkingLevel": level, "includeThoughts": True}


@lru_cache(maxsize=256)
def _known(model: str) -> _Model | None:
    found = _NAME.search(model)
    if found is None or _OTHER_KINDS.search(model):
        return None
    generation = (int(found[1]), int(found[2] or 0))
    return _Model(generation, found[3]) if generation >= (2, 5) else None


def _takes_minimal(known: _Model) -> bool:
    """From 3.7 on no model does, as far as is known."""
    return known.kind != "pro" and known.generation < (3, 7)
