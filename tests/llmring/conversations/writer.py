"""A writer that is killed: adds turns until then, and tells of each once it is kept.

    python writer.py DATABASE CONVERSATION NAME

A line for each turn: its number.
"""

from __future__ import annotations

import asyncio
import itertools
import sys

from llmring.conversations import NewMessage, UsageRecord, open_store


async def main(where: str, conversation: str, name: str) -> None:
    store = open_store(where, "ada")
    for n in itertools.count():
        said = f"{name} {n}"
        question = NewMessage(role="user", content=said + " ?" * 2000)
        answer = NewMessage(role="assistant", content=said, output_tokens=1)
        await store.append(conversation, [answer], context=[question])
        await store.add_usage([UsageRecord(model="a", provider="b", id_at_origin=said)])
        print(n, flush=True)


asyncio.run(main(*sys.argv[1:]))
