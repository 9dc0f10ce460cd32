"""What messages from elsewhere hold that OpenAI does not know, and refuses. Pure.

A turn of another client or SDK is a message here as well: its calls become dicts, and the fields
in which others keep thoughts and marks go.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit

_OPENAI = "api.openai.com"
#: Fields that are other providers' ways to keep thoughts, and to mark what is cached or failed.
FOREIGN_FIELDS = frozenset(
    {"thinking_blocks", "thinking", "reasoning_content", "reasoning", "reasoning_details"}
    | {"cache_control", "is_error", "tool_name"}
)
#: Fields of OpenAI's answers, and of its SDK's, that requests do not have.
ANSWER_FIELDS = frozenset({"annotations", "parsed"})
#: What none of OpenAI's imitators has either; the first is Ollama's own.
_UNKNOWN = frozenset({"thinking", *ANSWER_FIELDS})


def is_openai(url: str) -> bool:
    """Whether an address is OpenAI's own, in whatever region."""
    host = urlsplit(url).hostname or ""
    return host == _OPENAI or host.endswith("." + _OPENAI)  # eu.api.openai.com


def openai_call(call: Any) -> Any:
    """A tool call as OpenAI's dict; what is no object of a class that holds one stays as it is.

    :param call: `cloud.llm.ToolCall`, or what pydantic made of one (the openai SDK, `LLM`).
    """
    if hasattr(call, "to_openai"):
        return call.to_openai()
    return call.model_dump(exclude_none=True) if hasattr(call, "model_dump") else call


def known_message(message: dict[str, Any], *, at_openai: bool) -> dict[str, Any]:
    """The message as an OpenAI-compatible server knows it.

    :param at_openai: whether the server is OpenAI itself, which refuses what others take.
    """
    dropped = FOREIGN_FIELDS | ANSWER_FIELDS if at_openai else _UNKNOWN
    if dropped.isdisjoint(message) and not message.get("tool_calls"):
        return message
    known = {name: value for name, value in message.items() if name not in dropped}
    calls = known.get("tool_calls")
    if isinstance(calls, list):
        plain = map(openai_call, calls)
        known["tool_calls"] = [_unsigned(call) for call in plain] if at_openai else list(plain)
    return known


def _unsigned(call: Any) -> Any:
    """The call without the signature that Google puts beside it."""
    if isinstance(call, dict) and "extra_content" in call:
        return {name: value for name, value in call.items() if name != "extra_content"}
    return call
