"""OpenAI's efforts for tokens of thought: for models that take no number of tokens. Pure."""

from __future__ import annotations

#: Tokens of thought from which on each effort is asked for; the same as Google has them.
#: Source: https://ai.google.dev/gemini-api/docs/openai#thinking.
_EFFORTS = ((24_576, "high"), (8192, "medium"))


def effort_for(n_tokens: int) -> str:
    """The `reasoning_effort` for `n_tokens` of thought, at least 1: ``low`` to ``high``."""
    return next((effort for begin, effort in _EFFORTS if n_tokens >= begin), "low")
