"""`ConversationManager`: one conversation after another, each sent with all that was said."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from llmring import ConversationManager, LLMRingSession
from llmring.exceptions import ConversationError, ProviderError, SessionError
from tests.llmring.conversations.talks import MODEL, kept, sent
from tests.llmring.rings import request
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow


def test_a_manager_sends_what_was_said(use: Callable[..., Any], server: ScriptedServer) -> None:
    async def work(ring: LLMRingSession) -> tuple[Any, Any]:
        manager = ConversationManager(ring)
        made = await manager.start_conversation("Review", "Be brief.", MODEL)
        assert manager.current_conversation_id == made
        assert (await manager.send_message("one")).content == "answer 1"
        assert (await manager.send_message("two")).content == "answer 2"
        return manager.get_history(), await ring.get_conversation_history(made)

    history, stored = use(work)
    said = [("user", "one"), ("assistant", "answer 1"), ("user", "two"), ("assistant", "answer 2")]
    assert [(m["role"], m["content"]) for m in history] == [("system", "Be brief."), *said]
    assert kept(stored) == said
    assert sent(server)[1] == [("system", "Be brief."), *said[:3]]


def test_a_conversation_goes_on_in_another_process(
    use: Callable[..., Any], server: ScriptedServer
) -> None:
    async def begin(ring: LLMRingSession) -> Any:
        manager = ConversationManager(ring)
        made = await manager.start_conversation(None, "Be brief.", MODEL)
        await manager.send_message("one")
        return made

    async def go_on(ring: LLMRingSession) -> Any:
        manager = ConversationManager(ring)
        assert await manager.load_conversation(made)
        await manager.send_message("two")
        return await ring.get_conversation_history(made)

    made = use(begin)
    history = use(go_on)
    assert history["message_count"] == 4
    assert sent(server)[1][:3] == [
        ("system", "Be brief."), ("user", "one"), ("assistant", "answer 1"),
    ]  # fmt: skip


def test_a_cleared_history_leaves_what_is_kept(
    use: Callable[..., Any], server: ScriptedServer
) -> None:
    async def work(ring: LLMRingSession) -> Any:
        manager = ConversationManager(ring)
        made = await manager.start_conversation(None, "Be brief.", MODEL)
        await manager.send_message("one")
        manager.clear_history()
        assert (manager.get_history(), manager.current_conversation_id) == ([], made)
        await manager.send_message("two")
        return await ring.get_conversation_history(made)

    assert [content for _, content in kept(use(work))] == ["one", "answer 1", "two", "answer 1"]
    assert sent(server)[1] == [("system", "Be brief."), ("user", "two")]


def test_messages_sent_at_once_are_answered_in_turn(use: Callable[..., Any]) -> None:
    async def work(ring: LLMRingSession) -> Any:
        manager = ConversationManager(ring)
        await manager.start_conversation(None, None, MODEL)
        answers = await asyncio.gather(*(manager.send_message(str(n)) for n in range(3)))
        return [one.content for one in answers]

    assert use(work) == ["answer 1", "answer 2", "answer 3"]


async def _begin_another(manager: ConversationManager) -> None:
    await manager.start_conversation(None, "Be long.", MODEL)


async def _clear(manager: ConversationManager) -> None:
    manager.clear_history()


@pytest.mark.parametrize(("leave", "left"), [(_begin_another, ["Be long."]), (_clear, [])])
def test_an_answer_to_what_was_left_is_no_part_of_what_follows(
    use: Callable[..., Any], server: ScriptedServer, leave: Any, left: list[str]
) -> None:
    async def work(ring: LLMRingSession) -> Any:
        manager = ConversationManager(ring)
        made = await manager.start_conversation(None, "Be brief.", MODEL)
        asking = asyncio.create_task(manager.send_message("one"))
        async with asyncio.timeout(20):
            while not server.requests:
                await asyncio.sleep(0)
        await leave(manager)
        assert (await asking).content == "answer 1"
        return manager.get_history(), await ring.get_conversation_history(made)

    history, stored = use(work)
    assert [message["content"] for message in history] == left
    assert kept(stored) == [("user", "one"), ("assistant", "answer 1")]


def test_a_failed_message_was_not_said(
    use: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LLMRING_RETRY_ATTEMPTS", "1")

    async def work(ring: LLMRingSession) -> Any:
        manager = ConversationManager(ring)
        made = await manager.start_conversation()
        ring.register_provider("ollama", base_url="http://127.0.0.1:1")
        with pytest.raises(ProviderError):
            await manager.send_message("one", model="ollama:none")
        return manager.get_history(), await ring.get_conversation_history(made)

    history, stored = use(work)
    assert (history, stored["messages"]) == ([], [])


def test_what_was_not_kept_cannot_be_loaded(use: Callable[..., Any]) -> None:
    async def work(ring: LLMRingSession) -> None:
        made = await ring.create_conversation()
        await ring.chat_with_conversation(request(MODEL), made)
        with pytest.raises(ConversationError, match="was not kept"):
            await ConversationManager(ring).load_conversation(made)

    use(work, message_logging_level="metadata")


def test_a_message_needs_a_conversation(use: Callable[..., Any]) -> None:
    async def work(ring: LLMRingSession) -> None:
        with pytest.raises(SessionError, match="start_conversation"):
            await ConversationManager(ring).send_message("Hi")

    use(work)
