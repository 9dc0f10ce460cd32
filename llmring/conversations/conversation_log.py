"""All that is said in calls, kept in the background: `log_conversations=True`."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from uuid import UUID

from llmring import background
from llmring.conversations.background_notes import BackgroundNotes, in_thread

if TYPE_CHECKING:
    from llmring.conversations.protocol import ConversationStore
    from llmring.conversations.types import ConversationFields, NewMessage
    from llmring.schemas import LLMResponse, Message

#: Most characters that calls may hold which wait to be kept; further ones are left out.
MAX_WAITING_CHARS = 64 * 1024 * 1024
#: What a call takes beside its texts, in characters.
_CALL_CHARS = 2000
_MAX_TITLE_CHARS = 80


@dataclass(frozen=True, slots=True)
class _Said:
    """A call, as it was noted."""

    messages: Sequence[Message]
    response: LLMResponse
    alias: str | None
    profile: str | None
    metadata: Mapping[str, Any] | None


@dataclass(slots=True)
class _Kept:
    """A call as it is kept.

    :param conversation_id: None until the conversation is made.
    """

    fields: ConversationFields
    messages: list[NewMessage]
    conversation_id: UUID | None = None


class ConversationLog:
    """Keeps each call as a conversation of its own. Threads and tasks may share it.

    :param open_store: gives where they are kept, when there is something to keep; in a thread.
    :param origin: who calls.
    """

    def __init__(self, open_store: Callable[[], ConversationStore], origin: str) -> None:
        self._open_store = open_store
        self._origin = origin
        self._store: ConversationStore | None = None
        self.notes: BackgroundNotes[_Said, _Kept] = BackgroundNotes(
            self._record, self._write, "conversations", MAX_WAITING_CHARS, 1
        )

    def call(
        self,
        messages: Sequence[Message],
        response: LLMResponse,
        *,
        alias: str | None = None,
        profile: str | None = None,
        metadata: Mapping[str, Any] | None = None,
    ) -> None:
        """Note what was said in a call. Takes microseconds and never raises.

        :param messages: those of the request.
        :param alias: what was asked.
        :param metadata: further facts, which become the conversation's.
        """
        n_chars = sum(_length(message.content) for message in messages) + _CALL_CHARS
        note = _Said(list(messages), response, alias, profile, metadata)
        self.notes.add(note, n_chars)

    async def flush(self, timeout_s: float = 5.0) -> bool:
        """Have all written now. :return: whether it is."""
        return await self.notes.flush(timeout_s)

    async def close(self) -> None:
        """Write what waits, and close where it went. Repeatable."""
        await self.notes.close()
        store, self._store = self._store, None
        if store is not None:
            await background.awaited(store.close())

    def _record(self, said: _Said) -> _Kept:
        from llmring.conversations.turns import answer_message, new_message
        from llmring.conversations.types import ConversationFields
        from llmring.conversations.usage_log import plain

        facts = {"origin": self._origin, "profile": said.profile, **plain(said.metadata or {})}
        return _Kept(
            ConversationFields(title=_title(said.messages), model_alias=said.alias, metadata=facts),
            [*map(new_message, said.messages), answer_message(said.response)],
        )

    async def _write(self, records: list[_Kept]) -> None:
        if self._store is None:
            self._store = await in_thread(self._open_store)
        for record in records:
            if record.conversation_id is None:
                made = await self._store.create_conversation(record.fields)
                # So that another try goes on with it.
                record.conversation_id = made.id
            await self._store.append(record.conversation_id, record.messages)


def _length(content: Any) -> int:
    """About how many characters a message's parts have; images are in there as text."""
    if isinstance(content, str):
        return len(content)
    if isinstance(content, Mapping):
        return sum(map(_length, content.values()))
    return sum(map(_length, content)) if isinstance(content, list) else 8


def _title(messages: Sequence[Message]) -> str | None:
    """The beginning of the last question."""
    from llmring.conversations.contents import text_of

    asked = [text_of(message.content) or "" for message in messages if message.role == "user"]
    words = " ".join(asked[-1].split()) if asked else ""
    cut = words if len(words) <= _MAX_TITLE_CHARS else f"{words[: _MAX_TITLE_CHARS - 1]}…"
    return cut or None
