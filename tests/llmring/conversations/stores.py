"""Stores, and what is put into them."""

from __future__ import annotations

import asyncio
import functools
import inspect
from pathlib import Path
from typing import Any

from llmring.conversations import (
    Conversation,
    ConversationFields,
    NewMessage,
    UsageRecord,
    open_store,
)
from llmring.conversations.store_address import OWNER


class BlockingStore:
    """A store whose methods give what they give, each in an event loop of its own."""

    def __init__(self, store: Any) -> None:
        self.store = store

    def __getattr__(self, name: str) -> Any:
        value = getattr(self.store, name)
        if not inspect.iscoroutinefunction(value):
            return value

        @functools.wraps(value)
        def run(*args: Any, **kwargs: Any) -> Any:
            return asyncio.run(value(*args, **kwargs))

        return run

    def begin(self, *messages: NewMessage, **fields: Any) -> Conversation:
        """A conversation with messages."""
        made: Conversation = self.create_conversation(ConversationFields(**fields))
        self.append(made.id, messages)
        found: Conversation = self.get_conversation(made.id)
        return found


def user(content: Any, **fields: Any) -> NewMessage:
    return NewMessage(role="user", content=content, **fields)


def assistant(content: Any, **fields: Any) -> NewMessage:
    return NewMessage(role="assistant", content=content, **fields)


def system(content: str) -> NewMessage:
    return NewMessage(role="system", content=content)


def said(messages: list[Any]) -> list[Any]:
    """What messages say."""
    return [message.content for message in messages]


def at(path: Path | str) -> BlockingStore:
    return BlockingStore(open_store(path))


def read_log(where: Path, owner: str = OWNER) -> list[UsageRecord]:
    async def main() -> list[UsageRecord]:
        store = open_store(where, owner)
        try:
            return await store.usage()
        finally:
            await store.close()

    return asyncio.run(main())
