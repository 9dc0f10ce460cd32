"""Conversations written out."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from uuid import UUID

from llmring.conversations import Conversation, NewMessage, StoredMessage, to_json, to_markdown
from tests.llmring.conversations.stores import assistant, user

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)
CONVERSATION = Conversation(
    id=UUID(int=7), title="Red\nboats", system_prompt="Be brief.", created_at=NOON, updated_at=NOON
)


def stored(*messages: NewMessage, level: str = "full") -> list[StoredMessage]:
    return [
        StoredMessage(**{**dict(message), "timestamp": NOON}, position=n, logging_level=level)
        for n, message in enumerate(messages, 1)
    ]


def test_json_has_all_and_is_ascii() -> None:
    told = to_json(CONVERSATION, stored(user("Ä\x00\ud800"), assistant("Yes", cost=0.5)))
    assert told.isascii()
    read = json.loads(told)
    assert (read["id"], read["title"]) == (str(UUID(int=7)), "Red\nboats")
    first, second = read["messages"]
    assert (first["content"], second["cost"], first["timestamp"]) == (
        "Ä\x00\ud800", 0.5, "2026-03-01T12:00:00Z",
    )  # fmt: skip


def test_markdown_is_as_people_read_it() -> None:
    parts = [{"type": "text", "text": "What is it?"}, {"type": "image_url", "image_url": {}}]
    told = to_markdown(CONVERSATION, stored(user(parts), assistant("A *boat*", model="openai:a")))
    assert told == (
        "# Red boats\n\n2026-03-01 12:00 UTC\n\n## System\n\nBe brief.\n\n"
        "## User, 2026-03-01 12:00 UTC\n\nWhat is it?\n\n*image_url*\n\n"
        "## Assistant (openai:a), 2026-03-01 12:00 UTC\n\nA *boat*\n"
    )


def test_markdown_shows_calls_in_fences_that_they_cannot_end() -> None:
    call = {"function": {"name": "run", "arguments": '{"code": "```\\n````"}'}}
    told = to_markdown(CONVERSATION, stored(assistant(None, tool_calls=[call])))
    assert '`````json\n{"code": "```\\n````"}\n`````' in told


def test_markdown_says_what_was_not_kept_and_is_utf8() -> None:
    told = to_markdown(CONVERSATION, stored(assistant(None), level="metadata"))
    assert "*What it says was not kept.*" in told
    assert "a?b" in to_markdown(CONVERSATION, stored(user("a\ud800b")))
