"""What any store checks of its arguments, with the same errors wherever it is. Pure."""

from __future__ import annotations

from typing import get_args
from uuid import UUID

from llmring.conversations.types import MAX_PAGE, Group, LoggingLevel
from llmring.exceptions import ConversationNotFoundError, ValidationError

#: What calls are counted by.
GROUPS: tuple[Group, ...] = get_args(Group)
#: How much of messages is kept.
LEVELS: tuple[LoggingLevel, ...] = get_args(LoggingLevel)
#: Most characters that are searched for: SQLite takes patterns of 50,000 bytes, quoted.
MAX_SEARCH_CHARS = 5_000


def check_page(limit: object, offset: object = 0, most: int = MAX_PAGE) -> None:
    """:raises ValidationError: there is no such page."""
    if not isinstance(limit, int) or not 1 <= limit <= most:
        raise ValidationError(f"limit is {limit!r}; give 1 to {most}")
    if not isinstance(offset, int) or not 0 <= offset < 2**63:
        raise ValidationError(f"offset is {offset!r}; give 0 or more")


def check_group(group: str) -> None:
    """:raises ValidationError: calls are not counted by that."""
    if group not in GROUPS:
        raise ValidationError(f"usage cannot be told by {group!r}; by {', '.join(GROUPS)}")


def check_level(level: object) -> None:
    """:raises ValidationError: there is no such level."""
    if level not in LEVELS:
        raise ValidationError(f"level is {level!r}; give {', '.join(LEVELS)}")


def check_search(text: object) -> None:
    """:raises ValidationError: every text has it, it is none, or it is too long."""
    if not text:
        raise ValidationError("there is nothing to search for; give some text")
    if not isinstance(text, str):
        raise ValidationError(f"a {type(text).__name__} cannot be searched for; give some text")
    if len(text) > MAX_SEARCH_CHARS:
        raise ValidationError(
            f"{len(text):,} characters cannot be searched for; give at most "
            f"{MAX_SEARCH_CHARS:,} characters"
        )


def conversation_key(conversation_id: UUID | str) -> UUID:
    """The id of a conversation.

    :raises ConversationNotFoundError: none can have it.
    """
    if isinstance(conversation_id, UUID):
        return conversation_id
    try:
        return UUID(conversation_id)
    except (ValueError, TypeError, AttributeError):
        pass
    raise no_conversation(conversation_id)


def no_conversation(conversation_id: object) -> ConversationNotFoundError:
    """The error for an id that no conversation of the owner has."""
    shown = str(conversation_id)[:80]
    return ConversationNotFoundError(f"no conversation {shown!r}; list_conversations has all ids")
