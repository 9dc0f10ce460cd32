"""Messages of the ring: what they are, and their form in the words of the layer below. Pure."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from llmring.contents import anthropic_part, openai_part
from llmring.schemas import Message

#: Roles of messages that instruct.
INSTRUCTING = ("system", "developer")


def is_instructed(messages: Iterable[Message]) -> bool:
    """Whether any of the messages instructs."""
    return any(message.role in INSTRUCTING for message in messages)


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
    if message.thinking_blocks:
        wire["thinking_blocks"] = message.thinking_blocks
    elif message.reasoning:
        wire["thinking"] = message.reasoning  # Ollama's models think on from there
    if message.metadata and (marker := message.metadata.get("cache_control")) is not None:
        wire["cache_control"] = marker
    return wire


def openai_messages(
    messages: list[dict[str, Any]], *, marked_parts: bool = False
) -> list[dict[str, Any]]:
    """The messages for all providers but Anthropic: content parts in OpenAI's words, unmarked.

    :param messages: as `wire_message` makes them; they stay as they are.
    :param marked_parts: leave cache markers in content parts, for a server that may know them.
    :raises ValidationError: the content of a part is not what it says it is.
    """
    if not any(map(_is_special, messages)):
        return messages
    told = [_without(message, "cache_control") for message in _converted(messages, openai_part)]
    if not marked_parts:
        for message in told:
            if isinstance(message["content"], list):
                message["content"] = [_without(p, "cache_control") for p in message["content"]]
    return told


def anthropic_messages(messages: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The messages for Anthropic, whose own parts and markers stay.

    :param messages: as `wire_message` makes them; they stay as they are.
    :raises ValidationError: the content of a part is not what it says it is.
    """
    if not any(map(_is_special, messages)):
        return messages
    return _converted(messages, anthropic_part)


def unmarked_tools(tools: list[dict[str, Any]] | None) -> list[dict[str, Any]] | None:
    """Tools for a provider that knows no cache markers."""
    if tools is None:
        return None
    plain = [_without(tool, "cache_control") for tool in tools]
    for tool in plain:
        if isinstance(tool.get("function"), Mapping):
            tool["function"] = _without(tool["function"], "cache_control")
    return plain


def _is_special(message: Mapping[str, Any]) -> bool:
    """Whether a message is more than a text."""
    return "cache_control" in message or isinstance(message["content"], list)


def _converted(
    messages: list[dict[str, Any]], convert: Callable[[Any, str], Any]
) -> list[dict[str, Any]]:
    return [
        {
            **message,
            "content": [
                convert(part, f"messages[{i}].content[{j}]")
                for j, part in enumerate(message["content"])
            ],
        }
        if isinstance(message["content"], list)
        else message
        for i, message in enumerate(messages)
    ]


def _without(fields: Any, name: str) -> Any:
    """A copy of a dict without the key `name`; anything else as it is."""
    if isinstance(fields, Mapping):
        return {key: value for key, value in fields.items() if key != name}
    return fields
