"""Conversations that are kept, and the usage log.

::

    store = open_store()      # SQLite in the user's data folder; or open_store("postgresql://…")
    conversation = await store.create_conversation(ConversationFields(title="Boats"))
    await store.append(conversation.id, [NewMessage(role="user", content="Is it red?")])

A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from llmring.conversations.export import to_json, to_markdown
    from llmring.conversations.opening import open_database, open_store, store_in
    from llmring.conversations.protocol import ConversationStore, UsageStore
    from llmring.conversations.types import (
        Conversation,
        ConversationFields,
        NewMessage,
        SearchHit,
        StoredMessage,
        UsageFilter,
        UsageRecord,
        UsageTotals,
    )

# Which module each public name lives in.
_HOMES = {
    "llmring.conversations.export": "to_json to_markdown",
    "llmring.conversations.opening": "open_database open_store store_in",
    "llmring.conversations.protocol": "ConversationStore UsageStore",
    "llmring.conversations.types": "Conversation ConversationFields NewMessage SearchHit "
    "StoredMessage UsageFilter UsageRecord UsageTotals",
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = [
    "Conversation",
    "ConversationFields",
    "ConversationStore",
    "NewMessage",
    "SearchHit",
    "StoredMessage",
    "UsageFilter",
    "UsageRecord",
    "UsageStore",
    "UsageTotals",
    "open_database",
    "open_store",
    "store_in",
    "to_json",
    "to_markdown",
]
