"""Conversations kept in SQLite, which go on in another process, are searched and exported.

    python examples/kept_conversations.py [kept.sqlite]

``postgresql://user:password@host/database`` in place of a path keeps them in PostgreSQL.
"""

import asyncio
import sys
import tempfile
from pathlib import Path
from uuid import UUID

from llmring import ConversationManager, LLMRingSession


async def begin(store: str) -> UUID:
    async with LLMRingSession(store=store) as session:
        manager = ConversationManager(session)
        conversation = await manager.start_conversation(
            title="Names", system_prompt="Answer in one sentence.", model_alias="fast"
        )
        print((await manager.send_message("My name is Zoe.", temperature=0.0)).content)
        return conversation


async def go_on(store: str, conversation: UUID) -> None:
    async with LLMRingSession(store=store) as session:
        manager = ConversationManager(session)
        await manager.load_conversation(conversation)
        print((await manager.send_message("What is my name?", temperature=0.0)).content)

        for hit in await session.search_conversations("my name"):
            print("found:", hit["excerpt"])
        print(await session.export_conversation(conversation, "markdown"))


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as folder:
        path = sys.argv[1] if sys.argv[1:] else str(Path(folder, "kept.sqlite"))
        asyncio.run(go_on(path, asyncio.run(begin(path))))
