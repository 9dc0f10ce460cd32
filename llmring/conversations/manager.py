"""One conversation at a time, with all that was said."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

from llmring.conversations.session import LLMRingSession
from llmring.conversations.turns import said_before
from llmring.exceptions import ConversationNotFoundError, SessionError
from llmring.schemas import LLMRequest, LLMResponse, Message

# What of a message is sent again.
_SENT = ("role", "content", "tool_calls", "tool_call_id", "thinking_blocks", "reasoning")


class ConversationManager:
    """Talks on in a conversation: each message is sent with all that was said before.

    :param llm_service: keeps the conversations.
    """

    def __init__(self, llm_service: LLMRingSession) -> None:
        self.llm = llm_service
        self.current_conversation_id: UUID | None = None
        self._history: list[Message] = []
        # Messages that are sent at once are answered one after the other.
        self._turn = asyncio.Lock()

    async def start_conversation(
        self,
        title: str | None = None,
        system_prompt: str | None = None,
        model_alias: str | None = None,
    ) -> UUID:
        """Begin a conversation, which is the current one from now on.

        Arguments and errors are those of `LLMRingSession.create_conversation`.
        """
        made = await self.llm.create_conversation(title, system_prompt, model_alias)
        self.current_conversation_id = made
        self._history = _instructed(system_prompt)
        return made

    async def send_message(
        self,
        content: str | list[dict[str, Any]],
        model: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        **fields: Any,
    ) -> LLMResponse:
        """Say something and have it answered. When the call fails, it was not said.

        :param model: an alias or ``provider:model``; None takes the conversation's, as for
            `temperature` and `max_tokens`.
        :param fields: further fields of `LLMRequest`.
        :raises SessionError: no conversation has been started or loaded.
        :raises LLMRingError: as `LLMRingSession.chat_with_conversation`.
        """
        if self.current_conversation_id is None:
            raise SessionError("there is no conversation; await start_conversation() first")
        async with self._turn:
            before = self._history
            said = [*before, Message(role="user", content=content)]
            response = await self.llm.chat_with_conversation(
                LLMRequest(
                    messages=said,
                    model=model,
                    temperature=temperature,
                    max_tokens=max_tokens,
                    **fields,
                ),
                self.current_conversation_id,
            )
            # Meanwhile another conversation may have been begun, or this one forgotten.
            if self._history is before:
                self._history = [*said, response.to_message()]
        return response

    async def load_conversation(self, conversation_id: UUID | str) -> bool:
        """Go on with a conversation that was kept.

        :return: whether there is one.
        :raises ConversationError: what was said in it was not kept.
        """
        try:
            conversation, said = await said_before(self.llm.store, conversation_id)
        except ConversationNotFoundError:
            return False
        self.current_conversation_id = conversation.id
        self._history = [*_instructed(conversation.system_prompt), *said]
        return True

    def clear_history(self) -> None:
        """Forget what was said; the conversation stays the current one, and what is kept stays."""
        self._history = []

    def get_history(self) -> list[dict[str, Any]]:
        """What was said, as messages with ``role``, ``content`` and what else they have."""
        return [
            {name: getattr(message, name) for name in _SENT[:2]}
            | {name: value for name in _SENT[2:] if (value := getattr(message, name)) is not None}
            for message in self._history
        ]

    @property
    def message_history(self) -> list[dict[str, Any]]:
        """The same as `get_history()`."""
        return self.get_history()


def _instructed(system_prompt: str | None) -> list[Message]:
    return [Message(role="system", content=system_prompt)] if system_prompt else []
