"""Token counts of an answer, whichever of OpenAI's two ways tells them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class TokenCounts(NamedTuple):
    """Tokens of one answer.

    :ivar prompt: of its prompts, those in the cache included.
    :ivar cached: of its prompts, found in the cache.
    :ivar generated: that the model wrote.
    """

    prompt: int
    cached: int
    generated: int


def token_counts(usage: Mapping[str, Any]) -> TokenCounts:
    """The counts in a `usage` object, of completions or of responses and decisions."""
    if "prompt_tokens" in usage:
        prompt, generated, details = "prompt_tokens", "completion_tokens", "prompt_tokens_details"
    else:
        prompt, generated, details = "input_tokens", "output_tokens", "input_tokens_details"
    cached = usage.get(details, {}).get("cached_tokens", 0)
    return TokenCounts(usage[prompt], cached, usage.get(generated, 0))
