"""From an error as OpenAI's imitators have it to the one that a provider's own words mean. Pure."""

from __future__ import annotations

from typing import Any

from LLM.exceptions import LLMAPIError

_FACTS = ("status_code", "retry_after", "provider", "model", "body", "request_id", "code")


def recast(error: LLMAPIError, cls: type[LLMAPIError], **facts: Any) -> LLMAPIError:
    """`error` as another class, with all that it knows.

    :param facts: attributes that are not those of `error`.
    """
    return cls(error.message, **{name: getattr(error, name) for name in _FACTS} | facts)
