"""Turns with tools in conversations that are kept."""

from __future__ import annotations

from uuid import UUID

from llmring.conversations.session import LLMRingSession
from llmring.conversations.turns import (
    answer_in_errors,
    answer_message,
    completed_request,
    new_message,
    said_before,
)
from llmring.conversations.types import NewMessage
from llmring.exceptions import ConversationError
from llmring.mcp.client.turn import Turn
from llmring.schemas import LLMRequest, Message
from llmring.service import LLMRing


def session_of(ring: LLMRing) -> LLMRingSession:
    """The ring, as one that keeps conversations.

    :raises ConversationError: it does not.
    """
    if isinstance(ring, LLMRingSession):
        return ring
    raise ConversationError(
        "this ring keeps no conversations; give an LLMRingSession, or store=… to "
        "create_enhanced_llm"
    )


class KeptConversation:
    """One conversation, for one turn.

    :param session: keeps it.
    """

    def __init__(self, session: LLMRingSession, conversation_id: UUID | str) -> None:
        self._session = session
        self._id = conversation_id
        self._given: list[Message] = []

    async def completed(self, request: LLMRequest) -> LLMRequest:
        """The request behind what was said before, with the conversation's settings.

        :raises ConversationNotFoundError: there is no such conversation.
        :raises ConversationError: what was said in it was not kept.
        """
        conversation, before = await said_before(self._session.store, self._id)
        self._given = list(request.messages)
        whole = request.model_copy(update={"messages": [*before, *self._given]})
        return completed_request(whole, conversation)

    async def add(self, turn: Turn) -> None:
        """Keep what was given and what the turn adds: all of it, or nothing.

        :raises StoreError: (at a server `ServerError`) the store cannot be used; the turn is in
            ``details["response"]``.
        """
        level = self._session.message_logging_level
        if level == "none":
            return
        given = [new_message(message) for message in self._given]
        with answer_in_errors(turn):
            await self._session.store.append(self._id, [*given, *_added(turn)], level)


def _added(turn: Turn) -> list[NewMessage]:
    """The turn's messages; those of the model with what they cost."""
    answers = iter(turn.rounds)
    return [
        answer_message(next(answers)) if message.role == "assistant" else new_message(message)
        for message in turn.messages
    ]
