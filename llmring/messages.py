"""Requests of the ring, put into the words of the layer below. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from llmring.schemas import Message


def wire_message(message: Message) -> dict[str, Any]:
    """A message as OpenAI has it, with the cache marker that its metadata holds beside it."""
    content = message.content
    wire: dict[str, Any] = {
        "role": message.role,
        "content": [content] if isinstance(content, dict) else content,
    }
    if message.tool_calls:
        wire["tool_calls"] = message.tool_calls
    if message.tool_call_id is not None:
        wire["tool_call_id"] = message.tool_call_id
    if message.metadata and (marker := message.metadata.get("cache_control")) is not None:
        wire["cache_control"] = marker
    return wire


def without_markers(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages for a provider that knows no cache markers, which it might refuse."""
    if not any("cache_control" in message for message in messages):
        return messages
    return [_without(message, "cache_control") for message in messages]


def _without(message: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {key: value for key, value in message.items() if key != name}
