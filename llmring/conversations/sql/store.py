"""One owner's conversations and usage in a database. The owner stands in every query."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from uuid import UUID, uuid4

from pydantic import ValidationError as PydanticValidationError
from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from llmring.conversations.checks import (
    check_level,
    check_page,
    check_search,
    conversation_key,
    no_conversation,
)
from llmring.conversations.repeats import Told, new_ones, system_digest, told
from llmring.conversations.sql.errors import NOT_JSON, not_json
from llmring.conversations.sql.rows import (
    CONVERSATION_COLUMNS,
    MESSAGE_COLUMNS,
    conversation_of,
    message_of,
    message_row,
    stored,
)
from llmring.conversations.sql.searching import search
from llmring.conversations.sql.tables import conversations, messages
from llmring.conversations.sql.usage import SQLUsage
from llmring.conversations.types import (
    Conversation,
    ConversationFields,
    LoggingLevel,
    NewMessage,
    SearchHit,
    StoredMessage,
    now,
)
from llmring.exceptions import ValidationError
from llmring.messages import INSTRUCTING
from llmring.pydantic_errors import first_problem

# Larger ones are beyond the column, which PostgreSQL does not compare.
_MAX_POSITION = 2**31 - 1


class SQLStore(SQLUsage):
    """A `ConversationStore` and `UsageStore` in a database.

    :param owner: whose it is; nothing of others can be seen or changed.
    """

    async def create_conversation(
        self, fields: ConversationFields, messages: Sequence[NewMessage] = ()
    ) -> Conversation:
        """Begin a conversation.

        :param messages: its first ones, written in the same step.
        """
        given, moment = _told(messages), now()
        made = Conversation(
            **fields.model_dump(include=set(ConversationFields.model_fields)),
            id=uuid4(),
            created_at=moment,
            updated_at=moment,
        )

        async def work(connection: AsyncConnection) -> Conversation:
            await connection.execute(insert(conversations).values(owner=self.owner, **dict(made)))
            if not given:
                return made
            await self._add(connection, made, given, "full")
            return await self._get(connection, made.id)

        return await self.database.write(work)

    async def get_conversation(self, conversation_id: UUID | str) -> Conversation:
        """A conversation, without its messages.

        :raises ConversationNotFoundError: the owner has none of that id.
        """
        key = conversation_key(conversation_id)
        return await self.database.read(lambda connection: self._get(connection, key))

    async def change_conversation(
        self, conversation_id: UUID | str, changes: Mapping[str, Any]
    ) -> Conversation:
        """Change some of the fields of `ConversationFields`, by name.

        :raises ConversationNotFoundError: the owner has none of that id.
        :raises ValidationError: no such field, or a value cannot be one.
        """
        key = conversation_key(conversation_id)
        checked = _changes(changes)

        async def work(connection: AsyncConnection) -> Conversation:
            values = {**checked, "updated_at": now()}
            await connection.execute(update(conversations).where(self._is(key)).values(values))
            return await self._get(connection, key)

        return await self.database.write(work)

    async def delete_conversation(self, conversation_id: UUID | str) -> bool:
        """Delete a conversation and its messages. :return: whether it was there."""
        key = conversation_key(conversation_id)

        async def work(connection: AsyncConnection) -> bool:
            found = await connection.execute(delete(conversations).where(self._is(key)))
            return found.rowcount > 0

        return await self.database.write(work)

    async def list_conversations(self, limit: int = 20, offset: int = 0) -> list[Conversation]:
        """Conversations, the last changed first.

        :param limit: 1 to `MAX_PAGE`.
        """
        check_page(limit, offset)
        query = (
            select(*CONVERSATION_COLUMNS)
            .where(conversations.c.owner == self.owner)
            .order_by(conversations.c.updated_at.desc(), conversations.c.id)
            .limit(limit)
            .offset(offset)
        )

        async def work(connection: AsyncConnection) -> list[Conversation]:
            return [conversation_of(row) for row in await connection.execute(query)]

        return await self.database.read(work)

    async def messages(
        self, conversation_id: UUID | str, limit: int | None = None, before: int | None = None
    ) -> list[StoredMessage]:
        """The last messages of a conversation, in their order.

        :param limit: most of them; None gives all.
        :param before: only those before this position.
        :raises ConversationNotFoundError: the owner has none of that id.
        """
        key = conversation_key(conversation_id)
        if limit is not None:
            check_page(limit, most=2**31)
        query = select(*MESSAGE_COLUMNS).where(self._of(key))
        if before is not None:
            query = query.where(messages.c.position < min(before, _MAX_POSITION))
        query = query.order_by(messages.c.position.desc()).limit(limit)

        async def work(connection: AsyncConnection) -> list[StoredMessage]:
            found = [message_of(row) for row in await connection.execute(query)]
            if not found:
                await self._get(connection, key)
            return found[::-1]

        return await self.database.read(work)

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
        """
        key = conversation_key(conversation_id)
        check_level(level)
        given, before = _told(messages), _told(context)

        async def work(connection: AsyncConnection) -> list[StoredMessage]:
            # Others that add to it wait here.
            conversation = await self._get(connection, key, locked=True)
            fresh = given
            if before:
                fresh = await self._unknown(connection, conversation, before) + given
            if not fresh or level == "none":
                return []
            return await self._add(connection, conversation, fresh, level)

        return await self.database.write(work)

    async def search(self, text: str, limit: int = 20, offset: int = 0) -> list[SearchHit]:
        """Where a text stands in titles and in what messages say, in any case; newest first."""
        check_page(limit, offset)
        check_search(text)
        folds = self.database.is_sqlite
        return await self.database.read(
            lambda connection: search(connection, self.owner, text, limit, offset, is_sqlite=folds)
        )

    async def close(self) -> None:
        """Close the database, for all its stores. Repeatable."""
        await self.database.close()

    async def _get(
        self, connection: AsyncConnection, key: UUID, *, locked: bool = False
    ) -> Conversation:
        query = select(*CONVERSATION_COLUMNS).where(self._is(key))
        row = (await connection.execute(query.with_for_update() if locked else query)).first()
        if row is None:
            raise no_conversation(key)
        return conversation_of(row)

    async def _unknown(
        self, connection: AsyncConnection, conversation: Conversation, given: list[Told]
    ) -> list[Told]:
        """Those of `given` that the conversation does not hold."""
        instructs = messages.c.role.in_(INSTRUCTING)
        mine = select(messages.c.digest).where(self._of(conversation.id))
        latest = await connection.scalars(
            mine.where(~instructs).order_by(messages.c.position.desc()).limit(len(given))
        )
        instructions = set(await connection.scalars(mine.where(instructs)))
        if conversation.system_prompt is not None:
            instructions.add(system_digest(conversation.system_prompt))
        return new_ones(given, instructions, latest.all()[::-1])

    async def _add(
        self,
        connection: AsyncConnection,
        conversation: Conversation,
        given: list[Told],
        level: LoggingLevel,
    ) -> list[StoredMessage]:
        first = conversation.message_count + 1
        kept = [stored(one.message, n, level) for n, one in enumerate(given, first)]
        whose = {"owner": self.owner, "conversation_id": conversation.id}
        rows = [message_row(m, one.digest) | whose for m, one in zip(kept, given, strict=True)]
        await connection.execute(insert(messages), rows)
        totals = {
            "message_count": conversation.message_count + len(kept),
            "input_tokens": conversation.input_tokens + sum(m.input_tokens or 0 for m in kept),
            "output_tokens": conversation.output_tokens + sum(m.output_tokens or 0 for m in kept),
            "cost": conversation.cost + sum(m.cost or 0.0 for m in kept),
            "updated_at": now(),
        }
        await connection.execute(
            update(conversations).where(self._is(conversation.id)).values(totals)
        )
        return kept

    def _is(self, key: UUID) -> ColumnElement[bool]:
        return and_(conversations.c.owner == self.owner, conversations.c.id == key)

    def _of(self, key: UUID) -> ColumnElement[bool]:
        return and_(messages.c.owner == self.owner, messages.c.conversation_id == key)


def _told(messages: Sequence[NewMessage]) -> list[Told]:
    try:
        return [told(message) for message in messages]
    except NOT_JSON as err:
        problem = not_json(err)
    raise problem


def _changes(changes: Mapping[str, Any]) -> dict[str, Any]:
    try:
        checked = ConversationFields.model_validate(dict(changes))
    except PydanticValidationError as err:
        problem = first_problem(err)
    else:
        return {name: getattr(checked, name) for name in changes}
    raise ValidationError(f"a conversation cannot be changed so ({problem})")
