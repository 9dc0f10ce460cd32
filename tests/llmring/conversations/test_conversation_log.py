"""What is said in calls, kept while the ring goes on: `log_conversations=True`."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from llmring import LLMResponse, LLMRingSession, Message
from llmring.conversations import conversation_log, open_store
from llmring.conversations.conversation_log import ConversationLog
from llmring.exceptions import StoreError
from tests.llmring.pools import Pool, good
from tests.llmring.rings import request
from tests.llmring.server.servers import Client, running

pytestmark = [pytest.mark.usefixtures("own_file"), pytest.mark.slow]

HELLO = [Message(role="user", content="Hello!")]
ANSWER = LLMResponse(content="Hi", model="openai:gpt-x", usage={"prompt_tokens": 3, "cost": 0.5})


def kept(store: Any) -> list[tuple[Any, list[Any]]]:
    """All conversations of a store, each with its messages."""

    async def main() -> Any:
        found = await store.list_conversations()
        told = [(one, await store.messages(one.id)) for one in found]
        await store.close()
        return told

    return asyncio.run(main())


class Failing:
    """A store whose first attempts to add messages fail."""

    def __init__(self, store: Any, failures: int) -> None:
        self.store = store
        self.failures = failures

    async def create_conversation(self, fields: Any) -> Any:
        return await self.store.create_conversation(fields)

    async def append(self, *args: Any) -> Any:
        if self.failures:
            self.failures -= 1
            raise StoreError("the disk is full")
        return await self.store.append(*args)

    async def close(self) -> None:
        await self.store.close()


def test_what_is_said_is_kept(pool: Callable[..., Pool], streamed: bool) -> None:
    one = pool(good, log_conversations=True, origin="app")
    one.ask(streamed, metadata={"user": 7})
    asyncio.run(one.ring.close())
    ((conversation, messages),) = kept(open_store())
    assert [message.role for message in messages] == ["user", "assistant"]
    assert messages[1].content == "Hello!"
    assert (conversation.title, conversation.model_alias) == ("Tell nobody of the zebra.", "pool")
    assert conversation.metadata == {"origin": "app", "profile": None, "user": 7}
    assert conversation.input_tokens > 0


def test_it_is_kept_at_a_server(pool: Callable[..., Pool], tmp_path: Path) -> None:
    with running(database=str(tmp_path / "server.sqlite")) as server:
        tenant = Client(server.url, Client(server.url).post("/keys", {})["key"])
        one = pool(good, server_url=server.url, api_key=tenant.key, log_conversations=True)
        one.chat()
        asyncio.run(one.ring.close())
        (conversation,) = tenant.get("/conversations")
        assert conversation["message_count"] == 2
        (record,) = tenant.get("/logs")
        assert (record["model"], record["alias"]) == ("gpt-x", "pool")
    assert not (tmp_path / "usage.sqlite").exists()


def test_what_a_conversation_has_is_not_kept_twice(tmp_path: Path) -> None:
    async def main() -> None:
        async with LLMRingSession(log_conversations=True) as ring:
            made = await ring.create_conversation("Boats", max_tokens=3)
            await ring.chat_with_conversation(request("local:tiny"), made)

    asyncio.run(main())
    assert [one.title for one, _ in kept(open_store())] == ["Boats"]


def test_another_try_goes_on_with_the_conversation() -> None:
    log = ConversationLog(lambda: Failing(open_store(), 1), "app")  # type: ignore[arg-type, return-value]
    log.call(HELLO, ANSWER)
    assert asyncio.run(log.flush())
    asyncio.run(log.close())
    ((_, messages),) = kept(open_store())
    assert len(messages) == 2


def test_what_waits_is_bounded_by_what_it_holds(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(conversation_log, "MAX_WAITING_CHARS", 10_000)
    log = ConversationLog(open_store, "app")
    image = {"type": "image_url", "image_url": {"url": "data:image/png;base64," + "A" * 9000}}
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        log.call([Message(role="user", content=[image])], ANSWER)
        log.call(HELLO, ANSWER)
        asyncio.run(log.close())
    assert caplog.messages == ["1 conversation is not in the log: too many waited to be written"]
    assert len(kept(open_store())) == 1


def test_nothing_is_kept_unless_asked(pool: Callable[..., Pool]) -> None:
    one = pool(good)
    one.chat()
    asyncio.run(one.ring.close())
    assert kept(open_store()) == []


@pytest.mark.parametrize(
    ("content", "title"),
    [("Two\nlines", "Two lines"), ("x" * 200, "x" * 79 + "…"), ("", None),
     ([{"type": "text", "text": "parts"}], "parts")],
    ids=["lines", "long", "empty", "parts"],
)  # fmt: skip
def test_a_title_is_the_beginning_of_the_question(content: Any, title: str | None) -> None:
    log = ConversationLog(open_store, "app")
    log.call([Message(role="user", content=content)], ANSWER)
    asyncio.run(log.close())
    assert kept(open_store())[0][0].title == title
