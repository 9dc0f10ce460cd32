"""A ring whose conversations are kept."""

from __future__ import annotations

import os
from typing import Any, Literal
from uuid import UUID

from pydantic import ValidationError as PydanticValidationError

from llmring.arguments import as_request
from llmring.conversations.checks import LEVELS
from llmring.conversations.export import as_dict, to_json, to_markdown
from llmring.conversations.protocol import ConversationStore
from llmring.conversations.store_address import OWNER, StoreAddress
from llmring.conversations.turns import (
    answer_in_errors,
    answer_message,
    completed_request,
    new_message,
)
from llmring.conversations.types import ConversationFields, LoggingLevel
from llmring.exceptions import ConfigurationError, ConversationError, ValidationError
from llmring.pydantic_errors import first_problem
from llmring.schemas import LLMRequest, LLMResponse
from llmring.service import LLMRing
from llmring.tracing import in_conversation


class LLMRingSession(LLMRing):
    """An `LLMRing` that keeps conversations.

    ::

        async with LLMRingSession() as service:
            conversation = await service.create_conversation(title="Boats")
            await service.chat_with_conversation(request, conversation)

    A turn is kept when the call that makes it returns: as a whole, on the disk.

    :param server_url: address of an llmring server that keeps them; None for
        ``LLMRING_SERVER_URL``, unless `store` is given.
    :param api_key: the server's key, which says whose they are; None for ``LLMRING_API_KEY``.
    :param enable_conversations: False makes every method for conversations an error.
    :param message_logging_level: how much of messages is kept: ``full``, ``metadata`` (when, by
        whom, how long, at what cost) or ``none``.
    :param store: where they are kept, without a server: the path of an SQLite file,
        ``postgresql://…``, or a store; None for ``LLMRING_DATABASE_URL``, else a file in the user's
        data folder.
    :param owner: whose they are; nobody else's are seen.
    :param settings: those of `LLMRing`.
    :raises ConfigurationError: a value cannot work, or a package is not installed.
    """

    def __init__(
        self,
        origin: str = "llmring",
        registry_url: str | None = None,
        lockfile_path: str | os.PathLike[str] | None = None,
        server_url: str | None = None,
        api_key: str | None = None,
        enable_conversations: bool = True,
        message_logging_level: LoggingLevel = "full",
        *,
        store: ConversationStore | str | os.PathLike[str] | None = None,
        owner: str = OWNER,
        **settings: Any,
    ) -> None:
        self._owner = owner
        self._given_place = store if isinstance(store, (str, os.PathLike)) else None
        if server_url is not None and store is not None:
            raise ConfigurationError("server_url and store are two places; give one of them")
        super().__init__(origin, registry_url, lockfile_path, server_url, api_key, **settings)
        if message_logging_level not in LEVELS:
            raise ConfigurationError(
                f"message_logging_level is {message_logging_level!r}; give {', '.join(LEVELS)}"
            )
        self.enable_conversations = enable_conversations
        self.message_logging_level = message_logging_level
        self._store: ConversationStore | None = None
        self._owns_store = False
        if not enable_conversations:
            return
        if store is None or isinstance(store, (str, os.PathLike)):
            self._store, self._owns_store = self._store_address.open(), True
        else:
            self._store = store

    async def close(self) -> None:
        """Free what the ring holds, and close the store that it has opened. Repeatable."""
        await super().close()
        if self._store is not None and self._owns_store:
            await self._store.close()

    def _find_store(self, server_url: str | None, api_key: str | None) -> StoreAddress:
        return StoreAddress.read(os.environ, server_url, api_key, self._given_place, self._owner)

    @property
    def store(self) -> ConversationStore:
        """Where conversations are kept.

        :raises ConversationError: they are not.
        """
        if self._store is None:
            raise ConversationError("conversations are off here; give enable_conversations=True")
        return self._store

    async def create_conversation(
        self,
        title: str | None = None,
        system_prompt: str | None = None,
        model_alias: str | None = None,
        temperature: float | None = None,
        max_tokens: int | None = None,
        metadata: dict[str, Any] | None = None,
    ) -> UUID:
        """Begin a conversation. Its settings hold for calls that have none of their own.

        :param title: for lists; at most 1,000 characters.
        :param system_prompt: what each call begins with.
        :param model_alias: an alias or ``provider:model``; None takes the ring's default.
        :param temperature: 0.0 to 2.0; None leaves it to the provider.
        :param max_tokens: most tokens of an answer; None leaves it to the provider.
        :param metadata: further facts, as JSON has them.
        :raises ValidationError: a value cannot be one.
        :raises StoreError: the store cannot be used.
        """
        fields = {
            "title": title,
            "system_prompt": system_prompt,
            "model_alias": model_alias,
            "temperature": temperature,
            "max_tokens": max_tokens,
            "metadata": metadata or {},
        }
        return (await self.store.create_conversation(_fields(fields))).id

    async def chat_with_conversation(
        self,
        request: LLMRequest,
        conversation_id: UUID | str | None = None,
        store_messages: bool = True,
        profile: str | None = None,
    ) -> LLMResponse:
        """Answer a request and keep the turn.

        The model is sent the request, and before it the system prompt, if the request has none;
        what was said before is sent by `ConversationManager`, or in the request. What the request
        repeats of the conversation is not kept twice.

        :param request: the model, temperature and `max_tokens` that it leaves open are those of the
            conversation.
        :param conversation_id: None keeps nothing.
        :param store_messages: False keeps nothing.
        :param profile: as for `chat`.
        :raises ValidationError: `request` is no `LLMRequest`.
        :raises ConversationNotFoundError: there is none; nothing was sent.
        :raises StoreError: (at a server `ServerError`) it cannot be kept. Where the model had
            answered, the answer is in ``details["response"]``.
        :raises LLMRingError: the call failed, as for `chat`; nothing is kept.
        """
        request = as_request(request, None, {})
        if conversation_id is None:
            return await self.chat(request, profile)
        conversation = await self.store.get_conversation(conversation_id)
        with in_conversation(conversation_id):
            response = await self.chat(completed_request(request, conversation), profile)
        if store_messages and self.message_logging_level != "none":
            context = [new_message(message) for message in request.messages]
            with answer_in_errors(response):
                await self.store.append(
                    conversation_id,
                    [answer_message(response)],
                    self.message_logging_level,
                    context=context,
                )
        return response

    async def get_conversation_history(
        self, conversation_id: UUID | str, limit: int | None = 100
    ) -> dict[str, Any]:
        """A conversation with its last messages, as values that JSON has.

        :param limit: most messages; None gives all.
        :return: the fields of `Conversation`, and ``messages``, each with those of `StoredMessage`.
        :raises ConversationNotFoundError: there is none.
        """
        conversation = await self.store.get_conversation(conversation_id)
        return as_dict(conversation, await self.store.messages(conversation_id, limit))

    async def list_conversations(self, limit: int = 20, offset: int = 0) -> list[dict[str, Any]]:
        """Conversations, the last changed first, without their messages.

        :param limit: 1 to 1,000.
        """
        found = await self.store.list_conversations(limit, offset)
        return [conversation.model_dump(mode="json") for conversation in found]

    async def search_conversations(
        self, text: str, limit: int = 20, offset: int = 0
    ) -> list[dict[str, Any]]:
        """Where a text stands in titles and messages, in any case; the newest first.

        :param text: 1 to 5,000 characters.
        :return: each with ``conversation_id``, ``title``, ``position``, ``excerpt``, ….
        """
        found = await self.store.search(text, limit, offset)
        return [hit.model_dump(mode="json") for hit in found]

    async def export_conversation(
        self, conversation_id: UUID | str, format: Literal["json", "markdown"] = "json"
    ) -> str:
        """A conversation with all its messages, written out.

        :raises ConversationNotFoundError: there is none.
        """
        write = {"json": to_json, "markdown": to_markdown}.get(format)
        if write is None:
            raise ValidationError(f"format is {format!r}; give 'json' or 'markdown'")
        conversation = await self.store.get_conversation(conversation_id)
        return write(conversation, await self.store.messages(conversation_id))

    async def delete_conversation(self, conversation_id: UUID | str) -> bool:
        """Delete a conversation and its messages. :return: whether it was there."""
        return await self.store.delete_conversation(conversation_id)


class LLMRingExtended(LLMRingSession):
    """`LLMRingSession`, by the name that it had."""


def _fields(fields: dict[str, Any]) -> ConversationFields:
    try:
        return ConversationFields(**fields)
    except PydanticValidationError as err:
        problem = first_problem(err)
    raise ValidationError(f"that makes no conversation ({problem})")
