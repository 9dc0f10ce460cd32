"""One tenant's conversations and usage at an llmring server."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVar
from uuid import UUID

from pydantic import BaseModel, TypeAdapter
from pydantic import ValidationError as PydanticValidationError

from llmring.conversations.checks import (
    check_group,
    check_level,
    check_page,
    check_search,
    conversation_key,
)
from llmring.conversations.remote.connection import ServerConnection
from llmring.conversations.types import (
    MAX_PAGE,
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
from llmring.exceptions import (
    ConversationNotFoundError,
    ServerConnectionError,
    ServerError,
    ValidationError,
)
from llmring.pydantic_errors import first_problem
from llmring.server.wire import API, MAX_LOGS, MAX_MESSAGES

ModelT = TypeVar("ModelT", bound=BaseModel)
_CONVERSATIONS = f"{API}/conversations"


class RemoteStore:
    """A `ConversationStore` and `UsageStore` at a server, whose key says whose they are.

    Beside what those raise: `ServerConnectionError` where the server cannot be reached, and
    `ServerError` where it fails or refuses the key.

    :param connection: to the server; `close` closes it.
    """

    def __init__(self, connection: ServerConnection) -> None:
        self.connection = connection

    def __repr__(self) -> str:
        return f"RemoteStore({self.connection.address.url!r})"

    async def create_conversation(self, fields: ConversationFields) -> Conversation:
        """Begin a conversation. It is not sent twice: nothing would tell the two apart."""
        made = await self.connection.ask("POST", _CONVERSATIONS, _plain(fields), repeatable=False)
        return self._read(Conversation, made)

    async def get_conversation(self, conversation_id: UUID | str) -> Conversation:
        """A conversation, without its messages.

        :raises ConversationNotFoundError: the tenant has none of that id.
        """
        found = await self.connection.ask("GET", _path(conversation_id))
        if isinstance(found, dict):
            found.pop("messages", None)
        return self._same(self._read(Conversation, found), conversation_id)

    async def change_conversation(
        self, conversation_id: UUID | str, changes: Mapping[str, Any]
    ) -> Conversation:
        """Change some of the fields of `ConversationFields`, by name.

        :raises ConversationNotFoundError: the tenant has none of that id.
        :raises ValidationError: no such field, or a value cannot be one.
        """
        changed = await self.connection.ask("PATCH", _path(conversation_id), dict(changes))
        return self._same(self._read(Conversation, changed), conversation_id)

    async def delete_conversation(self, conversation_id: UUID | str) -> bool:
        """Delete a conversation and its messages. :return: whether it was there."""
        try:
            await self.connection.ask("DELETE", _path(conversation_id), repeatable=False)
        except ConversationNotFoundError:
            return False
        return True

    async def list_conversations(self, limit: int = 20, offset: int = 0) -> list[Conversation]:
        """Conversations, the last changed first.

        :param limit: 1 to `MAX_PAGE`.
        """
        check_page(limit, offset)
        page = {"limit": limit, "offset": offset}
        return self._list(
            Conversation, await self.connection.ask("GET", _CONVERSATIONS, None, page)
        )

    async def messages(
        self, conversation_id: UUID | str, limit: int | None = None, before: int | None = None
    ) -> list[StoredMessage]:
        """The last messages of a conversation, in their order, asked for in pages.

        :param limit: most of them; None gives all.
        :param before: only those before this position.
        :raises ConversationNotFoundError: the tenant has none of that id.
        """
        if limit is not None:
            check_page(limit, most=2**31)
        path, found = f"{_path(conversation_id)}/messages", list[StoredMessage]()
        while limit is None or len(found) < limit:
            size = MAX_MESSAGES if limit is None else min(MAX_MESSAGES, limit - len(found))
            query = {"limit": size, "before": before}
            page = self._list(StoredMessage, await self.connection.ask("GET", path, None, query))
            self._check_page(page, size, before)
            found = page + found
            if len(page) < size or page[0].position == 1:
                break
            before = page[0].position
        return found

    async def append(
        self,
        conversation_id: UUID | str,
        messages: Sequence[NewMessage],
        level: LoggingLevel = "full",
        *,
        context: Sequence[NewMessage] = (),
    ) -> list[StoredMessage]:
        """Add messages to a conversation: all of them, or none.

        Where the connection breaks before the answer, the conversation is looked at, and they are
        sent again only if they are not there.

        :param level: how much of them is kept.
        :param context: what came before them; what the conversation lacks of it is added, too.
        :return: those that were kept; without those of `context` where it was looked.
        :raises ConversationNotFoundError: the tenant has none of that id.
        """
        check_level(level)
        path, context = _path(conversation_id), await self._end_of(context, conversation_id)
        batch = {
            "messages": [_plain(message) for message in messages],
            "logging_level": level,
            "context": [_plain(message) for message in context],
        }
        for is_last in (False, True):
            try:
                kept = await self.connection.ask(
                    "POST", f"{path}/messages/batch", batch, repeatable=False
                )
                return self._list(StoredMessage, kept)
            except ServerConnectionError as err:
                if is_last or err.code != "disconnected" or not messages or level == "none":
                    raise
            if there := await self._kept(conversation_id, messages):
                return there
        raise AssertionError("the last try returns or raises")

    async def search(self, text: str, limit: int = 20, offset: int = 0) -> list[SearchHit]:
        """Where a text stands in titles and in what messages say, in any case; newest first."""
        check_page(limit, offset)
        check_search(text)
        query = {"q": text, "limit": limit, "offset": offset}
        found = await self.connection.ask("GET", f"{_CONVERSATIONS}/search", None, query)
        return self._list(SearchHit, found)

    async def add_usage(self, records: Sequence[UsageRecord]) -> None:
        """Add records, `MAX_LOGS` at a time: all of those, or none.

        One whose id is there already is left out.
        """
        rows = [_plain(record) for record in records]
        for start in range(0, len(rows), MAX_LOGS):
            batch = {"records": rows[start : start + MAX_LOGS]}
            await self.connection.ask("POST", f"{API}/log/batch", batch)

    async def usage(
        self, which: UsageFilter | None = None, limit: int = 100, offset: int = 0
    ) -> list[UsageRecord]:
        """Records, the newest first.

        :param limit: 1 to `MAX_PAGE`.
        """
        check_page(limit, offset, MAX_PAGE)
        query = {**_query(which), "limit": limit, "offset": offset}
        return self._list(
            UsageRecord, await self.connection.ask("GET", f"{API}/usage", None, query)
        )

    async def usage_totals(self, which: UsageFilter | None = None) -> UsageTotals:
        """All calls together."""
        found = await self.connection.ask("GET", f"{API}/stats", None, _query(which))
        return self._read(UsageTotals, found.get("summary") if isinstance(found, dict) else found)

    async def usage_by(self, group: Group, which: UsageFilter | None = None) -> list[UsageTotals]:
        """Calls by what they share: days in order, anything else by cost, then tokens."""
        check_group(group)
        found = await self.connection.ask("GET", f"{API}/stats/{group}", None, _query(which))
        return self._list(UsageTotals, found)

    async def close(self) -> None:
        """Close the connections to the server. Repeatable."""
        await self.connection.close()

    async def _end_of(
        self, context: Sequence[NewMessage], conversation_id: UUID | str
    ) -> Sequence[NewMessage]:
        """As much of `context` as goes into a request: the conversation holds what is before."""
        surplus = len(context) - MAX_MESSAGES
        if surplus <= 0:
            return context
        held = (await self.get_conversation(conversation_id)).message_count
        if held < surplus:
            raise ValidationError(
                f"a request of {len(context)} messages, of which the conversation holds {held}, "
                f"cannot be kept; {MAX_MESSAGES} may be new"
            )
        return context[surplus:]

    async def _kept(
        self, conversation_id: UUID | str, messages: Sequence[NewMessage]
    ) -> list[StoredMessage]:
        """`messages` as they are kept, where the conversation ends with them; else none.

        They are told by who made them and when, to the microsecond.
        """
        end = await self.messages(conversation_id, len(messages))
        found = [(message.role, message.timestamp) for message in end]
        return end if found == [(one.role, one.timestamp) for one in messages] else []

    def _same(self, found: Conversation, conversation_id: UUID | str) -> Conversation:
        """The conversation, if it is the one that was asked for."""
        if found.id != conversation_key(conversation_id):
            raise self._unreadable("it is of another conversation")
        return found

    def _check_page(self, page: Sequence[StoredMessage], size: int, before: int | None) -> None:
        """See that pages lead to the beginning: else they would be asked for without end."""
        positions = [message.position for message in page]
        if len(page) > size or positions != sorted(set(positions)):
            raise self._unreadable("its messages are not those of a page, in their order")
        if page and (positions[0] < 1 or (before is not None and positions[-1] >= before)):
            raise self._unreadable("its messages are not from before those that are known")

    def _read(self, model: type[ModelT], value: Any) -> ModelT:
        try:
            return model.model_validate(value)
        except PydanticValidationError as err:
            problem = first_problem(err)
        raise self._unreadable(problem)

    def _list(self, model: type[ModelT], values: Any) -> list[ModelT]:
        try:
            return TypeAdapter(list[model]).validate_python(values)  # type: ignore[valid-type]
        except PydanticValidationError as err:
            problem = first_problem(err)
        raise self._unreadable(problem)

    def _unreadable(self, problem: str) -> ServerError:
        return ServerError(
            f"the answer of {self.connection.address.url} cannot be read ({problem}); is it an "
            "llmring server of another version?"
        )


def _path(conversation_id: UUID | str) -> str:
    return f"{_CONVERSATIONS}/{conversation_key(conversation_id)}"


def _plain(record: BaseModel) -> dict[str, Any]:
    """The fields of a record, those that only JSON lacks as texts.

    What stands deeper is left as it is, lest a value that JSON cannot say become another one.
    """
    return {
        name: value.isoformat()
        if isinstance(value, datetime)
        else str(value)
        if isinstance(value, UUID)
        else value
        for name, value in record
    }


def _query(which: UsageFilter | None) -> dict[str, Any]:
    return {} if which is None else _plain(which)
