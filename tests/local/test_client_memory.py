"""Memory of the clients: `enable_memory` and its kin, against the tiny model."""

from __future__ import annotations

import asyncio
import gc
import inspect
import weakref
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from LLM import InvalidRequestError, LLMConfigError, TokenLimitError
from LLM.overflow import NOTE_HEADING
from local_llm_kit import AsyncLLMClient, LLMClient
from local_llm_kit.exceptions import StoreError
from local_llm_kit.memory_store import MemoryStore
from local_llm_kit.memory_switch import AsyncMemoryMethods, MemoryMethods

pytestmark = pytest.mark.slow

TOOL = {"name": "get_weather", "parameters": {"properties": {"city": {"type": "string"}}}}


@pytest.fixture
def client(client: LLMClient) -> Iterator[LLMClient]:
    client.enable_memory()
    yield client
    client.disable_memory()


def user(text: str) -> list[dict[str, Any]]:
    return [{"role": "user", "content": text}]


def ask(client: LLMClient, text: str, **arguments: Any) -> str:
    return client.chat.completions.create(messages=user(text), temperature=0, **arguments).text


def roles(messages: list[dict[str, Any]]) -> list[str]:
    return [message["role"] for message in messages]


def test_the_model_remembers_what_it_was_told(client: LLMClient) -> None:
    ask(client, "My name is Zoe.")
    assert "Zoe" in ask(client, "What is my name?")
    assert roles(client.get_memory()) == ["user", "assistant"] * 2


def test_the_next_prompt_begins_with_memory(client: LLMClient) -> None:
    client.add_to_memory([*user("My name is Zoe."), {"role": "assistant", "content": "Hello!"}])
    answer = client.chat.completions.create(messages=user("Hi"), max_tokens=1)
    whole = [*client.get_memory()[:2], *user("Hi")]
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == client.count_tokens(whole)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_the_whole_conversation_passed_again_is_not_doubled(
    client: LLMClient, stream: bool
) -> None:
    talk: list[Any] = []
    for text in ("My name is Zoe.", "Hello!", "What is my name?"):
        talk += user(text)
        answer = client.chat.completions.create(messages=talk, temperature=0, stream=stream)
        response = answer.response if stream else answer
        assert response.usage.prompt_tokens == client.count_tokens(talk)
        talk.append(response.choices[0].message)
    assert client.get_memory() == [
        message if isinstance(message, dict) else message.to_dict() for message in talk
    ]


def test_a_stream_is_remembered_at_its_end(client: LLMClient) -> None:
    stream = client.chat.completions.create(messages=user("Hello!"), stream=True)
    next(stream)
    assert client.get_memory() == []
    text = stream.response.text
    assert client.get_memory() == [*user("Hello!"), {"role": "assistant", "content": text}]


def test_a_stream_that_is_left_at_its_finish_reason_is_remembered(client: LLMClient) -> None:
    with client.chat.completions.create(messages=user("Hello!"), stream=True) as stream:
        for chunk in stream:
            if chunk.choices[0].finish_reason:
                break
    assert roles(client.get_memory()) == ["user", "assistant"]


def test_a_stream_that_is_left_early_is_not_remembered(client: LLMClient) -> None:
    with client.chat.completions.create(messages=user("Hello!"), stream=True) as stream:
        next(stream)
    assert client.get_memory() == []


def test_of_several_answers_the_first_is_remembered(client: LLMClient) -> None:
    answer = client.chat.completions.create(messages=user("Hello!"), n=3, seed=1, max_tokens=5)
    assert client.get_memory()[1:] == [{"role": "assistant", "content": answer.text}]


def test_a_call_that_fails_is_not_remembered(client: LLMClient) -> None:
    ask(client, "Hello!")
    before = client.get_memory()
    with pytest.raises(InvalidRequestError):
        ask(client, "Hi", top_k=-1)
    with pytest.raises(TokenLimitError):
        ask(client, "xy " * 3000)
    assert client.get_memory() == before


def test_a_tool_call_and_its_result_are_one_conversation(client: LLMClient) -> None:
    asked = client.chat.completions.create(
        messages=user("What is the weather in Paris?"), tools=[TOOL], temperature=0
    )
    calls = asked.choices[0].message.tool_calls
    assert calls
    result = {"role": "tool", "tool_call_id": calls[0].id, "content": '{"sky": "sunny"}'}
    client.chat.completions.create(messages=[result], tools=[TOOL], temperature=0)
    assert roles(client.get_memory()) == ["user", "assistant", "tool", "assistant"]
    assert client.get_memory()[1]["tool_calls"][0]["id"] == calls[0].id


def test_memory_keeps_within_its_tokens(client: LLMClient) -> None:
    client.enable_memory(max_tokens=80)
    for number in range(8):
        ask(client, f"My name is Zoe{number}.", max_tokens=12)
    kept = client.get_memory()
    assert 0 < client.count_tokens(kept) <= 80
    assert kept[0]["role"] == "user"
    assert len(client.get_history()) == 16


def test_memory_makes_room_for_the_answer_and_the_answer_says_so() -> None:
    with LLMClient("tiny", context_length=256) as client:
        client.enable_memory(max_tokens=1000)
        for number in range(40):
            client.add_to_memory([*user(f"{number} and 1?"), {"role": "assistant", "content": "?"}])
        create = client.chat.completions.create
        answer = create(messages=user("Hello!"), max_tokens=100, temperature=0)
        assert answer.usage is not None
        assert answer.usage.prompt_tokens <= 156
        assert answer.overflow.policy == "drop_oldest"
        assert answer.overflow.n_messages > 2
        streamed = create(messages=user("Hello!"), max_tokens=100, temperature=0, stream=True)
        assert streamed.response.overflow.budget == streamed.overflow.budget == 156
        with pytest.raises(TokenLimitError):
            create(messages=user("Hello!"), overflow="error")
        assert len(client.get_history()) == 84


def test_the_model_summarises_what_leaves_memory(client: LLMClient) -> None:
    client.enable_memory(max_tokens=120, summarise=True)
    for number in range(8):
        ask(client, f"My name is Zoe{number}.", max_tokens=12)
    kept = client.get_memory()
    assert kept[0]["content"].startswith(NOTE_HEADING)
    assert client.count_tokens(kept) <= 120


def test_a_history_larger_than_the_window_is_summarised_in_pieces(client: LLMClient) -> None:
    client.enable_memory(max_tokens=200, summarise=True)
    for number in range(60):
        client.add_to_memory(
            [*user(f"{number} " + "word " * 40), {"role": "assistant", "content": "Yes."}]
        )
    assert client.count_tokens(client.get_memory()) <= 200


@pytest.mark.parametrize(
    "use",
    [
        lambda client: client.add_to_memory(user("x")),
        lambda client: client.clear_memory(),
        lambda client: client.get_memory(),
        lambda client: client.get_history(),
        lambda client: client.conversations(),
        lambda client: client.switch_conversation("x"),
    ],
    ids=["add", "clear", "get", "history", "conversations", "switch"],
)
def test_memory_that_is_not_enabled_says_so(client: LLMClient, use: Any) -> None:
    client.disable_memory()
    client.disable_memory()
    with pytest.raises(LLMConfigError, match=r"not enabled; call enable_memory\(\) first"):
        use(client)


def test_clearing_starts_anew(client: LLMClient) -> None:
    ask(client, "My name is Zoe.")
    client.clear_memory()
    assert client.get_memory() == client.get_history() == []


def test_disabled_memory_adds_nothing(client: LLMClient) -> None:
    ask(client, "My name is Zoe.")
    client.disable_memory()
    answer = client.chat.completions.create(messages=user("Hello!"), max_tokens=1)
    assert answer.usage is not None
    assert answer.usage.prompt_tokens == client.count_tokens(user("Hello!"))


def test_enabling_again_keeps_what_is_remembered(client: LLMClient) -> None:
    ask(client, "Hello!")
    client.enable_memory(max_tokens=500)
    assert len(client.get_memory()) == 2


def test_conversations_of_a_file_go_on_later(client: LLMClient, tmp_path: Path) -> None:
    client.enable_memory(path=tmp_path / "talk.db", conversation="zoe")
    ask(client, "My name is Zoe.")
    client.switch_conversation("max")
    assert client.get_memory() == []
    ask(client, "My name is Max.")
    client.disable_memory()
    client.enable_memory(path=tmp_path / "talk.db", conversation="zoe")
    assert client.conversations() == ["max", "zoe"]
    assert "Zoe" in ask(client, "What is my name?")


def test_settings_that_cannot_work_leave_memory_as_it_was(
    client: LLMClient, tmp_path: Path
) -> None:
    ask(client, "Hello!")
    for settings in ({"max_tokens": 0}, {"conversation": ""}, {"path": tmp_path}):
        with pytest.raises((LLMConfigError, StoreError)):
            client.enable_memory(**settings)
    assert len(client.get_memory()) == 2


def test_an_answer_that_cannot_be_stored_is_in_the_error(client: LLMClient, tmp_path: Path) -> None:
    client.enable_memory(path=tmp_path / "talk.db")
    ask(client, "Hello!")
    store: MemoryStore = client._calls.memory.memory.store
    store._file._db.execute("PRAGMA query_only = ON")
    with pytest.raises(StoreError, match="cannot be written; check") as caught:
        ask(client, "My name is Zoe.")
    assert "Zoe" in caught.value.body["choices"][0]["message"]["content"]
    assert len(client.get_memory()) == 2


def test_a_client_with_memory_ends_when_it_is_dropped() -> None:
    client = LLMClient("tiny", context_length=256, n_slots=1)
    client.enable_memory(50, summarise=True)
    ask(client, "Hello!", max_tokens=2)
    catalog = weakref.ref(client._catalog)
    gc.disable()
    try:
        del client
        assert catalog() is None, "a cycle keeps the model until the collector comes by"
    finally:
        gc.enable()


def test_the_asynchronous_client_remembers_too(tmp_path: Path) -> None:
    async def talk() -> list[dict[str, Any]]:
        async with AsyncLLMClient("tiny", context_length=512) as client:
            await client.enable_memory(path=tmp_path / "talk.db", conversation="a")
            create = client.chat.completions.create
            await create(messages=user("My name is Zoe."), temperature=0)
            stream = await create(messages=user("What is my name?"), temperature=0, stream=True)
            async for _ in stream:
                pass
            await client.add_to_memory(user("Bye!"))
            assert await client.conversations() == ["a"]
            assert await client.get_history() == await client.get_memory()
            await client.switch_conversation("b")
            await client.clear_memory()
            assert await client.get_memory() == []
            await client.switch_conversation("a")
            return await client.get_memory()

    kept = asyncio.run(talk())
    assert roles(kept) == ["user", "assistant"] * 2 + ["user"]
    assert "Zoe" in kept[3]["content"]


def test_both_clients_have_the_same_methods() -> None:
    def methods(cls: type) -> dict[str, list[str]]:
        return {
            name: list(inspect.signature(method).parameters)
            for name, method in vars(cls).items()
            if inspect.isfunction(method)
        }

    assert methods(MemoryMethods) == methods(AsyncMemoryMethods)
