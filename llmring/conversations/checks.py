"""What any store checks of its arguments, with the same errors wherever it is. Pure."""

from __future__ import annotations

from typing import get_args
from uuid import UUID

from llmring.conversations.types import MAX_PAGE, Group
from llmring.exceptions import ConversationNotFoundError, ValidationError

#: What calls are counted by.
GROUPS: tuple[Group, ...] = get_args(Group)


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


def check_search(text: object) -> None:
    """:raises ValidationError: every text has it, or it is none."""
    if not text:
        raise ValidationError("there is nothing to search for; give some text")
    if not isinstance(text, str):
        raise ValidationError(f"a {type(text).__name__} cannot be searched for; give some text")


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
