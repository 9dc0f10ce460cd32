"""Conversations written out: as JSON for programs, as Markdown for people. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from typing import Any

from llmring.conversations.contents import parts_of, text_of
from llmring.conversations.types import Conversation, StoredMessage


def to_json(conversation: Conversation, messages: Sequence[StoredMessage]) -> str:
    """A conversation and its messages as JSON, in plain ASCII, with all that is kept of them."""
    fields = [_json_fields(message) for message in messages]
    return json.dumps({**_json_fields(conversation), "messages": fields}, indent=2) + "\n"


def as_dict(conversation: Conversation, messages: Iterable[StoredMessage]) -> dict[str, Any]:
    """A conversation and its messages as values that JSON has; all fields."""
    told = [message.model_dump(mode="json") for message in messages]
    return {**conversation.model_dump(mode="json"), "messages": told}


def to_markdown(conversation: Conversation, messages: Iterable[StoredMessage]) -> str:
    """A conversation as Markdown: a heading for each message, and below it what it says as it is.

    What UTF-8 cannot carry is replaced.
    """
    title = " ".join((conversation.title or "Conversation").split())
    blocks = [f"# {title}", f"{conversation.created_at:%Y-%m-%d %H:%M} UTC"]
    if conversation.system_prompt:
        blocks += ["## System", conversation.system_prompt]
    for message in messages:
        blocks += _markdown(message)
    text = "\n\n".join(blocks) + "\n"
    return text.encode("utf-8", "replace").decode()


def _markdown(message: StoredMessage) -> list[str]:
    model = f" ({message.model})" if message.model else ""
    blocks = [f"## {message.role.capitalize()}{model}, {message.timestamp:%Y-%m-%d %H:%M} UTC"]
    if message.logging_level == "metadata":
        return [*blocks, "*What it says was not kept.*"]
    if text := text_of(message.content):
        blocks.append(text)
    others = [part for part in parts_of(message.content) if not isinstance(part.get("text"), str)]
    blocks += [f"*{part.get('type', 'part')}*" for part in others]
    for call in message.tool_calls or []:
        function = call.get("function") or {}
        arguments = str(function.get("arguments", ""))
        fence = _fence(arguments)
        blocks.append(f"Calls `{function.get('name')}`:\n\n{fence}json\n{arguments}\n{fence}")
    return blocks


def _fence(text: str) -> str:
    """Backticks that `text` cannot end. Source: CommonMark 0.31, section 4.5."""
    return "`" * max(3, 1 + max(map(len, re.findall("`+", text)), default=0))


def _json_fields(record: Conversation | StoredMessage) -> dict[str, Any]:
    return record.model_dump(mode="json", exclude_none=True)
