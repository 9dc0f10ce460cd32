"""What a store of conversations and of usage does, wherever it is.

A store is one owner's: nothing of others can be seen or changed through it. `SQLStore` keeps it in
a database; a client of the llmring server has the same methods.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Protocol
from uuid import UUID

from llmring.conversations.types import (
    Conversation,
    ConversationFields,
    Group,
    LoggingLevel,
    NewMessage,
    SearchHit,
    StoredMessage,
    UsageFilter,
    UsageRecord,
    UsageTotals,
)


class ConversationStore(Protocol):
    """Conversations and their messages.

    Every method raises `StoreError` where the store cannot be used (`ServerError` where it is a
    server's); what was being written is then there as a whole, or not at all. When a method
    returns, what it wrote is on the disk.
    """

    async def create_conversation(self, fields: ConversationFields) -> Conversation:
        """Begin a conversation."""
        ...

    async def get_conversation(self, conversation_id: UUID | str) -> Conversation:
        """A conversation, without its messages.

        :raises ConversationNotFoundError: the owner has none of that id.
        """
        ...

    async def change_conversation(
        self, conversation_id: UUID | str, changes: Mapping[str, Any]
    ) -> Conversation:
        """Change some of the fields of `ConversationFields`, by name.

        :raises ConversationNotFoundError: the owner has none of that id.
        :raises ValidationError: no such field, or a value cannot be one.
        """
        ...

    async def delete_conversation(self, conversation_id: UUID | str) -> bool:
        """Delete a conversation and its messages. :return: whether it was there."""
        ...

    async def list_conversations(self, limit: int = 20, offset: int = 0) -> list[Conversation]:
        """Conversations, the last changed first.

        :param limit: 1 to `MAX_PAGE`.
        """
        ...

    async def messages(
        self, conversation_id: UUID | str, limit: int | None = None, before: int | None = None
    ) -> list[StoredMessage]:
        """The last messages of a conversation, in their order.

        :param limit: most of them; None gives all.
        :param before: only those before this position.
        :raises ConversationNotFoundError: the owner has none of that id.
        """
        ...

    async def append(
        self,
        conversation_id: UUID | str,
        messages: Sequence[NewMessage],
        level: LoggingLevel = "full",
        *,
        context: Sequence[NewMessage] = (),
    ) -> list[StoredMessage]:
        """Add messages to a conversation: all of them, or none.

        :param level: how much of them is kept.
        :param context: what came before them, such as the request that they answer. What the
            conversation does not hold of it yet is added before them.
        :return: those that were kept.
        :raises ConversationNotFoundError: the owner has none of that id.
        :raises ValidationError: there is no such level, or JSON cannot say a message.
        """
        ...

    async def search(self, text: str, limit: int = 20, offset: int = 0) -> list[SearchHit]:
        """Where a text stands in titles and in what messages say, in any case; newest first.

        :raises ValidationError: there is no text, or more than `MAX_SEARCH_CHARS`.
        """
        ...

    async def close(self) -> None:
        """Free what the store holds. Repeatable."""
        ...


class UsageSink(Protocol):
    """Where calls are noted. Errors are those of `ConversationStore`."""

    async def add_usage(self, records: Sequence[UsageRecord]) -> None:
        """Add records: all of them, or none. One whose id is there already is left out."""
        ...

    async def close(self) -> None:
        """Free what it holds. Repeatable."""
        ...


class UsageStore(UsageSink, Protocol):
    """The usage log: a record for each call."""

    async def usage(
        self, which: UsageFilter | None = None, limit: int = 100, offset: int = 0
    ) -> list[UsageRecord]:
        """Records, the newest first."""
        ...

    async def usage_totals(self, which: UsageFilter | None = None) -> UsageTotals:
        """All calls together."""
        ...

    async def usage_by(self, group: Group, which: UsageFilter | None = None) -> list[UsageTotals]:
        """Calls by what they share: days in order, anything else by cost, then tokens."""
        ...
