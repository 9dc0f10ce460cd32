"""Rings whose conversations are kept, at scripted providers."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cloud import close_all_cloud_clients
from llmring import ConversationManager, LLMRequest, LLMRingSession, Message
from llmring.exceptions import (
    ConfigurationError,
    ConversationError,
    ConversationNotFoundError,
    StoreError,
    ValidationError,
)
from tests.llmring.conversations.talks import MODEL, kept, sent
from tests.llmring.rings import KEY, request
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

CALL = {"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def test_a_turn_is_kept(use: Callable[..., Any]) -> None:
    async def work(ring: LLMRingSession) -> dict[str, Any]:
        made = await ring.create_conversation("Boats", metadata={"user": 7})
        response = await ring.chat_with_conversation(request(MODEL), made)
        assert response.content == "answer 1"
        return await ring.get_conversation_history(made)

    history = use(work)
    assert kept(history) == [("user", "Hello!"), ("assistant", "answer 1")]
    assert (history["title"], history["metadata"], history["message_count"]) == (
        "Boats", {"user": 7}, 2,
    )  # fmt: skip
    told = history["messages"][1]
    assert (told["model"], told["input_tokens"], told["output_tokens"]) == (MODEL, 7, 2)
    assert told["finish_reason"] == "stop"
    assert json.loads(json.dumps(history)) == history


def test_a_conversation_settles_what_a_request_leaves_open(
    use: Callable[..., Any], server: ScriptedServer
) -> None:
    async def work(ring: LLMRingSession) -> None:
        made = await ring.create_conversation(None, "Be brief.", MODEL, 0.25, 77)
        asked = LLMRequest(messages=[Message(role="user", content="Hi")])
        before = asked.model_dump()
        await ring.chat_with_conversation(asked, made)
        assert asked.model_dump() == before
        own = request(MODEL, Message(role="system", content="Be long."), temperature=0.5)
        await ring.chat_with_conversation(own, made)

    use(work)
    first, second = (json.loads(body) for body in server.bodies)
    assert (first["temperature"], first["max_tokens"], second["temperature"]) == (0.25, 77, 0.5)
    assert sent(server) == [[("system", "Be brief."), ("user", "Hi")], [("system", "Be long.")]]


def test_a_tool_call_is_kept_and_sent_again(tmp_path: Path) -> None:
    messages: list[Any] = []

    async def work(ring: LLMRingSession) -> Any:
        manager = ConversationManager(ring)
        made = await manager.start_conversation(None, None, MODEL)
        first = await manager.send_message("What is the weather?")
        assert first.tool_calls
        messages.extend(manager.get_history())
        assert await manager.load_conversation(made)
        return manager.get_history()

    async def main() -> Any:
        async with LLMRingSession(store=tmp_path / "kept.sqlite") as ring:
            ring.register_provider("openai", api_key=KEY, base_url=server.url)
            try:
                return await work(ring)
            finally:
                await close_all_cloud_clients()

    message = {"role": "assistant", "content": None, "tool_calls": [CALL]}
    choice = {"index": 0, "finish_reason": "tool_calls", "message": message}
    with ScriptedServer((wire.answer({**wire.CHAT, "choices": [choice]}),)) as server:
        assert asyncio.run(main()) == messages
    assert messages[1]["tool_calls"] == [CALL]


@pytest.mark.parametrize(("level", "n_kept"), [("full", 2), ("metadata", 2), ("none", 0)])
def test_a_level_says_how_much_is_kept(use: Callable[..., Any], level: str, n_kept: int) -> None:
    async def work(ring: LLMRingSession) -> Any:
        made = await ring.create_conversation()
        await ring.chat_with_conversation(request(MODEL), made)
        return await ring.get_conversation_history(made)

    history = use(work, message_logging_level=level)
    assert history["message_count"] == len(history["messages"]) == n_kept
    assert ("Hello!" in json.dumps(history)) is (level == "full")


@pytest.mark.parametrize("store_messages", [False, True])
def test_a_turn_need_not_be_kept(use: Callable[..., Any], store_messages: bool) -> None:
    async def work(ring: LLMRingSession) -> Any:
        made = await ring.create_conversation()
        conversation = None if store_messages else made
        await ring.chat_with_conversation(request(MODEL), conversation, store_messages)
        return await ring.get_conversation_history(made)

    assert use(work)["messages"] == []


def test_an_unknown_conversation_costs_no_call(
    use: Callable[..., Any], server: ScriptedServer
) -> None:
    async def work(ring: LLMRingSession) -> None:
        with pytest.raises(ConversationNotFoundError):
            await ring.chat_with_conversation(request(MODEL), uuid4())
        assert await ConversationManager(ring).load_conversation(uuid4()) is False
        assert await ring.delete_conversation(uuid4()) is False

    use(work)
    assert server.bodies == []


def test_an_answer_that_cannot_be_kept_is_not_lost(use: Callable[..., Any]) -> None:
    async def work(ring: LLMRingSession) -> StoreError:
        made = await ring.create_conversation()
        store = ring.store

        async def fail(*args: Any, **kwargs: Any) -> Any:
            raise StoreError("the disk is full")

        store.append = fail  # type: ignore[method-assign]
        with pytest.raises(StoreError, match="the disk is full") as caught:
            await ring.chat_with_conversation(request(MODEL), made)
        return caught.value

    assert use(work).details["response"].content == "answer 1"


def test_conversations_are_found_and_written_out(use: Callable[..., Any]) -> None:
    async def work(ring: LLMRingSession) -> None:
        made = await ring.create_conversation("Boats")
        await ring.chat_with_conversation(request(MODEL), made)
        (hit,) = await ring.search_conversations("ANSWER 1")
        assert (hit["conversation_id"], hit["position"]) == (str(made), 2)
        (listed,) = await ring.list_conversations()
        assert (listed["id"], listed["title"]) == (str(made), "Boats")
        assert (
            json.loads(await ring.export_conversation(made))["messages"][0]["content"] == "Hello!"
        )
        assert "## Assistant (openai:gpt-x)" in await ring.export_conversation(made, "markdown")
        with pytest.raises(ValidationError, match="'json' or 'markdown'"):
            await ring.export_conversation(made, "pdf")  # type: ignore[arg-type]
        assert await ring.delete_conversation(made)

    use(work)


def test_owners_see_their_own(use: Callable[..., Any]) -> None:
    use(lambda ring: ring.create_conversation("mine"), owner="ada")
    assert use(lambda ring: ring.list_conversations(), owner="eve") == []
    assert [c["title"] for c in use(lambda r: r.list_conversations(), owner="ada")] == ["mine"]


def test_conversations_can_be_off(use: Callable[..., Any]) -> None:
    async def work(ring: LLMRingSession) -> None:
        assert (await ring.chat(request(MODEL))).content == "answer 1"
        with pytest.raises(ConversationError, match="enable_conversations=True"):
            await ring.create_conversation()

    use(work, enable_conversations=False)


@pytest.mark.parametrize(
    "settings",
    [{"server_url": "http://api.llmring.ai"}, {"api_key": "x"},
     {"server_url": "https://api.llmring.ai", "store": "kept.sqlite"},
     {"message_logging_level": "all"}, {"owner": ""}, {"owner": "x" * 201}, {"owner": None},
     {"store": "mysql://x"}, {"store": "\ud800"},
     {"store": "postgresql://u:p@h:port/y"}],
    ids=str,
)  # fmt: skip
def test_an_impossible_setting_is_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        LLMRingSession(**settings)


@pytest.mark.parametrize(
    "ask",
    [lambda ring: ring.list_conversations(None), lambda ring: ring.list_conversations("5"),
     lambda ring: ring.list_conversations(5, None), lambda ring: ring.search_conversations(7),
     lambda ring: ring.search_conversations("x", None),
     lambda ring: ring.chat_with_conversation("Hello!"),
     lambda ring: ring.chat_with_conversation("Hello!", uuid4())],
    ids=["no-limit", "limit", "offset", "search", "search-limit", "prompt", "prompt-in-one"],
)  # fmt: skip
def test_arguments_of_another_type_are_refused(
    use: Callable[..., Any], ask: Callable[[Any], Awaitable[Any]]
) -> None:
    async def work(ring: LLMRingSession) -> None:
        with pytest.raises(ValidationError, match="give"):
            await ask(ring)

    use(work)


@pytest.mark.parametrize(
    "fields", [{"title": "x" * 1001}, {"temperature": 9}, {"title": 7}], ids=str
)
def test_an_impossible_conversation_is_refused(
    use: Callable[..., Any], fields: dict[str, Any]
) -> None:
    async def work(ring: LLMRingSession) -> None:
        with pytest.raises(ValidationError, match=next(iter(fields))):
            await ring.create_conversation(**fields)

    use(work)


def test_the_file_is_in_the_users_data_folder(
    use: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))
    monkeypatch.delenv("LLMRING_DATABASE_URL")
    use(lambda ring: ring.create_conversation(), store=None)
    file = tmp_path / "llmring" / "conversations.sqlite"
    assert file.stat().st_mode & 0o777 == 0o600
    monkeypatch.setenv("LLMRING_DATABASE_URL", f"sqlite:///{tmp_path}/other.sqlite")
    use(lambda ring: ring.create_conversation(), store=None)
    assert (tmp_path / "other.sqlite").exists()
