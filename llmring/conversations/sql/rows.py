"""Rows of the tables from what a store is given, and back. Pure."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Row

from llmring.conversations.contents import text_of
from llmring.conversations.sql.tables import conversations, messages, usage
from llmring.conversations.types import (
    Conversation,
    LoggingLevel,
    NewMessage,
    StoredMessage,
    UsageRecord,
)

# What a message says, and so is not kept at the level `metadata`.
_SAID = ("content", "tool_calls", "thinking_blocks", "reasoning", "metadata")
CONVERSATION_COLUMNS = [column for column in conversations.c if column.name != "owner"]
MESSAGE_COLUMNS = [
    column for column in messages.c if column.name not in ("owner", "conversation_id", "digest")
]
USAGE_COLUMNS = [column for column in usage.c if column.name != "owner"]


def stored(message: NewMessage, position: int, level: LoggingLevel) -> StoredMessage:
    """The message as it is kept."""
    fields = dict(message)
    if level != "full":
        fields |= dict.fromkeys(_SAID)
    return StoredMessage.model_construct(**fields, position=position, logging_level=level)


def message_row(message: StoredMessage, told: bytes) -> dict[str, Any]:
    """The row of a message, without its conversation.

    :param told: its digest, by all that it says.
    """
    row = {name: value for name, value in dict(message).items() if name != "content"}
    is_text = message.content is None or isinstance(message.content, str)
    row["text"] = text_of(message.content)
    row["parts"] = None if is_text else message.content
    row["digest"] = told
    return row


def message_of(row: Row[Any]) -> StoredMessage:
    """The message in a row of `MESSAGE_COLUMNS`."""
    fields = dict(row._mapping)
    text, parts = fields.pop("text"), fields.pop("parts")
    return StoredMessage.model_construct(**fields, content=text if parts is None else parts)


def conversation_of(row: Row[Any]) -> Conversation:
    """The conversation in a row of `CONVERSATION_COLUMNS`."""
    return Conversation.model_construct(**row._mapping)


def usage_of(row: Row[Any]) -> UsageRecord:
    """The record in a row of `USAGE_COLUMNS`."""
    return UsageRecord.model_construct(**row._mapping)
