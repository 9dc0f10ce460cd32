"""Conversations and their messages."""

from __future__ import annotations

from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import BeforeValidator, Field

from llmring.conversations.types import (
    Conversation,
    ConversationFields,
    LoggingLevel,
    Name,
    NewMessage,
    StoredMessage,
)
from llmring.server.wire.base import Wire

#: Most messages of one body.
MAX_MESSAGES = 1000


def _without_empty_time(message: Any) -> Any:
    # A ring's message may have none.
    if isinstance(message, dict) and message.get("timestamp", "") is None:
        return {name: value for name, value in message.items() if name != "timestamp"}
    return message


#: A message to keep; ``timestamp: null`` is taken for now.
MessageBody = Annotated[NewMessage, BeforeValidator(_without_empty_time)]


class ConversationBody(ConversationFields):
    """A conversation to begin.

    :param project_id: None; a key has one tenant, and no projects.
    """

    project_id: None = Field(default=None, exclude=True)


class HistoryQuery(Wire):
    """How much of a conversation is asked for.

    :param include_messages: None stands for yes where `message_limit` is given.
    :param message_limit: most messages, the last ones; None stands for 100.
    """

    include_messages: bool | None = None
    message_limit: int | None = Field(default=None, ge=1, le=MAX_MESSAGES)


class ConversationAnswer(Conversation):
    """A conversation.

    :param messages: the last ones; None where they were not asked for.
    """

    messages: list[StoredMessage] | None = None


class MessageBatch(Wire):
    """Messages to add to a conversation, all or none.

    :param conversation_id: that of the path, where it is given.
    :param logging_level: how much of them is kept.
    :param context: what came before them; what the conversation lacks of it is added, too.
    """

    conversation_id: UUID | None = None
    messages: list[MessageBody] = Field(max_length=MAX_MESSAGES)
    logging_level: LoggingLevel = "full"
    context: list[MessageBody] = Field(default=[], max_length=MAX_MESSAGES)


class LoggedResponse(Wire):
    """An answer, by the fields of `llmring.LLMResponse` that are kept.

    :param usage: token counts in OpenAI's words.
    """

    content: str | None = None
    model: Name | None = None
    finish_reason: Name | None = None
    usage: dict[str, Any] = Field(default_factory=dict)
    tool_calls: list[dict[str, Any]] | None = None
    reasoning: str | None = None
    thinking_blocks: list[dict[str, Any]] | None = None


class ConversationLog(Wire):
    """A call with all that was said, to be kept as a conversation. The usage log is another route.

    :param messages: the request's.
    :param metadata: facts of the call. ``conversation_id`` adds it to that conversation, which then
        gets what it lacks of `messages`; otherwise it makes one. ``title``, ``alias`` (else
        ``provider`` and ``model``), ``input_tokens``, ``output_tokens`` and ``cost`` go into the
        fields of that name; the rest is kept as the conversation's `metadata`.
    """

    messages: list[MessageBody] = Field(max_length=MAX_MESSAGES)
    response: LoggedResponse
    metadata: dict[str, Any] = Field(default_factory=dict)


class ConversationLogAnswer(Wire):
    """Where it is kept.

    :param message_count: how many messages were added.
    """

    conversation_id: UUID
    message_count: int


class Deleted(Wire):
    """Something that was there, and is no more. What is not there is answered with 404."""

    id: UUID
    deleted: Literal[True] = True
