"""Turns of a conversation that is kept: what was said before, and what a turn adds."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from uuid import UUID

from llmring.conversations.protocol import ConversationStore
from llmring.conversations.types import Conversation, NewMessage
from llmring.exceptions import ConversationError, ServerError, StoreError, ValidationError
from llmring.messages import is_instructed
from llmring.schemas import LLMRequest, LLMResponse, Message

#: What a message brings into a store.
_FIELDS = set(Message.model_fields)


async def said_before(
    store: ConversationStore, conversation_id: UUID | str
) -> tuple[Conversation, list[Message]]:
    """A conversation, and all that was said in it.

    :raises ConversationNotFoundError: there is none.
    :raises ConversationError: what was said was not kept.
    """
    conversation = await store.get_conversation(conversation_id)
    found = await store.messages(conversation_id)
    if any(message.logging_level != "full" for message in found):
        raise ConversationError(
            f"what was said in conversation {conversation.id} was not kept (its logging level is "
            "'metadata'); start another one"
        )
    return conversation, [message.to_message() for message in found]


def completed_request(request: LLMRequest, conversation: Conversation) -> LLMRequest:
    """The request with what the conversation settles."""
    settled: dict[str, Any] = {
        "model": request.model or conversation.model_alias,
        "temperature": request.temperature,
        "max_tokens": request.max_tokens,
        # For the usage log; it is not sent.
        "metadata": {**(request.metadata or {}), "conversation_id": conversation.id},
    }
    for name in ("temperature", "max_tokens"):
        if settled[name] is None:
            settled[name] = getattr(conversation, name)
    if conversation.system_prompt and not is_instructed(request.messages):
        prompt = Message(role="system", content=conversation.system_prompt)
        settled["messages"] = [prompt, *request.messages]
    return request.model_copy(update=settled)


def new_message(message: Message) -> NewMessage:
    """A message as a store takes it."""
    fields = message.model_dump(include=_FIELDS)
    if fields["timestamp"] is None:
        del fields["timestamp"]
    return NewMessage(**fields)


def answer_message(response: LLMResponse) -> NewMessage:
    """An answer as a store takes it, with what it cost."""
    usage = response.usage or {}
    return new_message(response.to_message()).model_copy(
        update={
            "model": response.model,
            "finish_reason": response.finish_reason,
            "input_tokens": usage.get("prompt_tokens"),
            "output_tokens": usage.get("completion_tokens"),
            "cost": usage.get("cost"),
        }
    )


@contextmanager
def answer_in_errors(response: LLMResponse) -> Iterator[None]:
    """What a store raises while an answer is kept has the answer in ``details["response"]``."""
    try:
        yield
    except (StoreError, ServerError, ConversationError, ValidationError) as err:
        err.details["response"] = response
        raise
