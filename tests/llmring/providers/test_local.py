"""Models in this process behind the ring: the real tiny one."""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from cloud.llm.events import Finish, ReasoningDelta, Start, TextDelta, UsageUpdate
from LLM import InvalidRequestError, LLMResponseError, LLMTimeoutError
from LLM.types import ChatCompletionChunk, ChatCompletionResponse
from llmring import LLMResponse, LLMRing
from llmring.providers.base import ProviderCall
from llmring.providers.local.answers import chat_response, chunk_events
from llmring.providers.local.provider import LocalProvider
from local_llm_kit import AsyncLLMClient, LLMClient
from local_llm_kit.model_files import BUNDLED
from tests.llmring.providers.local_calls import ENDLESS, HELLO, WEATHER, call, run


class City(BaseModel):
    name: str
    is_large: bool


@pytest.fixture(scope="module")
def provider() -> Iterator[LocalProvider]:
    """One for all tests, each of which has a loop of its own."""
    provider = LocalProvider()
    yield provider
    asyncio.run(provider.close())


@pytest.fixture(scope="module")
def twin() -> Iterator[LLMClient]:
    """The blocking client, which says what answers are to be."""
    with LLMClient("tiny") as client:
        yield client


async def until_idle(client: AsyncLLMClient) -> int:
    """Tokens generated until nothing ran any more."""
    before = client.stats.n_generated
    async with asyncio.timeout(10):
        while client.stats.n_running:
            await asyncio.sleep(0.001)
    return client.stats.n_generated - before


CALLS: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
    "plain": ({}, {}),
    "limit": ({"max_tokens": 3}, {}),
    "seed": ({"temperature": 1.0, "extra": {"seed": 7, "top_p": 0.5}}, {"seed": 7, "top_p": 0.5}),
    "stop": ({"extra": {"stop": ["!"]}}, {"stop": ["!"]}),
    "json": ({"response_format": {"type": "json_object"}, "max_tokens": 60}, {}),
    "class": ({"response_format": City}, {}),
    "tools": ({"tools": [WEATHER], "tool_choice": "required"}, {}),
}


@pytest.mark.parametrize("name", CALLS)
@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_an_answer_is_that_of_the_blocking_client(
    provider: LocalProvider, twin: LLMClient, name: str, streamed: bool
) -> None:
    fields, extra = CALLS[name]
    same = {name: value for name, value in fields.items() if name != "extra"}
    wanted = twin.chat.completions.create(messages=HELLO, **{"temperature": 0.0, **same, **extra})

    async def ask() -> Any:
        asked = call(**fields)
        return await (provider.stream(asked).response if streamed else provider.chat(asked))

    found = run(ask())
    choice = wanted.choices[0]
    assert (found.content, found.finish_reason) == (
        choice.message.content or "",
        choice.finish_reason,
    )
    assert (found.usage.model_dump(exclude={"prompt_tokens_details"}), found.model) == (
        wanted.usage.model_dump(exclude={"prompt_tokens_details"}), "tiny",
    )  # fmt: skip
    assert [(one.name, one.arguments_json) for one in found.tool_calls] == [
        (one.function.name, one.function.arguments) for one in choice.message.tool_calls or ()
    ]
    assert found.parsed == choice.message.parsed
    assert found.id.startswith("chatcmpl-")


def test_a_tools_name_and_nested_tools_force_a_call_too(provider: LocalProvider) -> None:
    nested = {"type": "function", "function": WEATHER, "cache_control": {"type": "ephemeral"}}
    found = run(provider.chat(call(tools=[nested], tool_choice="get_weather")))
    assert [one.name for one in found.tool_calls] == ["get_weather"]
    assert found.tool_calls[0].arguments["city"] in ("Paris", "Rome")


def test_a_conversation_with_calls_results_and_thoughts_goes_on(provider: LocalProvider) -> None:
    function = {"name": "get_weather", "arguments": '{"city": "Paris"}'}
    turns = [
        {**HELLO[0], "cache_control": {"type": "ephemeral"}},
        {"role": "assistant", "content": None, "thinking": "Hm.", "tool_calls": [
            {"id": "call_1", "type": "function", "function": function,
             "extra_content": {"google": {}}}]},
        {"role": "tool", "content": "Sunny.", "tool_call_id": "call_1"},
    ]  # fmt: skip
    assert run(provider.chat(call(turns, tools=[WEATHER], max_tokens=5))).content


def test_a_streams_events_come_in_order(provider: LocalProvider) -> None:
    async def read() -> list[Any]:
        return [event async for event in provider.stream(call())]

    events = run(read())
    kinds = [type(event) for event in events]
    assert kinds[:2] == [Start, TextDelta]
    assert kinds[-2:] == [Finish, UsageUpdate]
    assert events[0].model == "tiny"


def test_a_stream_that_is_never_iterated_loads_nothing() -> None:
    async def leave() -> list[Any]:
        provider = LocalProvider()
        await provider.stream(call()).aclose()
        return provider.client._catalog.loaded()

    assert run(leave()) == []


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_cancelling_the_task_frees_the_slot(provider: LocalProvider, streamed: bool) -> None:
    async def ask() -> Any:
        asked = call(extra=ENDLESS)
        return await (provider.stream(asked).response if streamed else provider.chat(asked))

    async def cancel() -> int:
        await provider.chat(call(max_tokens=1))
        task = asyncio.create_task(ask())
        while not provider.client.stats.n_running:
            await asyncio.sleep(0.001)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        return await until_idle(provider.client)

    assert run(cancel()) < 20


def test_a_stream_that_is_left_early_frees_its_slot(provider: LocalProvider) -> None:
    async def leave() -> int:
        stream = provider.stream(call(extra=ENDLESS))
        async for _ in stream:
            break
        await stream.aclose()
        await stream.aclose()
        assert [event async for event in stream] == []
        return await until_idle(provider.client)

    assert run(leave()) < 20


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])
def test_a_timeout_is_typed_and_stops_the_work(provider: LocalProvider, streamed: bool) -> None:
    async def ask() -> int:
        asked = call(extra=ENDLESS, timeout_s=1e-4)
        await provider.chat(call(max_tokens=1))
        with pytest.raises(LLMTimeoutError):
            await (provider.stream(asked).response if streamed else provider.chat(asked))
        return await until_idle(provider.client)

    assert run(ask()) < 20


def test_an_answer_that_does_not_fit_its_class_is_told(provider: LocalProvider) -> None:
    asked = call(response_format=City, max_tokens=2)
    for ask in (provider.chat(asked), _whole(provider, asked)):
        with pytest.raises(LLMResponseError, match="does not fit City"):
            run(ask)


async def _whole(provider: LocalProvider, asked: ProviderCall) -> Any:
    return await provider.stream(asked).response


def test_further_choices_and_their_scores_are_in_the_clients_own_answer(
    provider: LocalProvider,
) -> None:
    asked = call(max_tokens=2, extra={"n": 2, "logprobs": True})
    choices = run(provider.chat(asked)).raw["choices"]
    assert [len(choice["logprobs"]["content"]) for choice in choices] == [2, 2]
    with pytest.raises(InvalidRequestError, match="a stream tells one answer"):
        provider.stream(asked)


def test_bounds_on_thinking_and_caches_change_nothing(provider: LocalProvider) -> None:
    asked = call(reasoning_tokens=100, cache={"ttl": "1h"}, max_tokens=4)
    assert run(provider.chat(asked)).content == run(provider.chat(call(max_tokens=4))).content


def test_what_a_model_thinks_is_told_apart() -> None:
    message = {"role": "assistant", "content": "Hi!", "reasoning_content": "Greet."}
    answer = {"choices": [{"message": message, "finish_reason": "stop"}], "model": "think"}
    assert chat_response(ChatCompletionResponse.model_validate(answer)).reasoning == "Greet."
    chunk = {"choices": [{"delta": {"reasoning_content": "Greet."}}], "model": "think"}
    events = chunk_events(ChatCompletionChunk.model_validate(chunk), is_first=False)
    assert list(events) == [ReasoningDelta("Greet.")]


def test_models_that_need_no_download_are_listed(
    provider: LocalProvider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.copy(BUNDLED["tiny"], tmp_path / "boat.gguf")
    monkeypatch.setenv("LOCAL_LLM_KIT_MODEL_PATH", str(tmp_path))
    monkeypatch.setenv("LOCAL_LLM_KIT_CACHE_DIR", str(tmp_path / "none"))
    monkeypatch.setenv("OLLAMA_MODELS", str(tmp_path / "none"))
    assert run(provider.list_models()) == ["tiny", "boat"]
    assert run(provider.chat(call(model="boat", max_tokens=1))).model == "boat"


def test_the_client_is_that_of_the_local_models(provider: LocalProvider) -> None:
    async def embed() -> Any:
        return await provider.client.embeddings.create(input="Hello!")

    assert isinstance(provider.client, AsyncLLMClient)
    assert run(embed()).data[0].embedding


def test_with_no_key_at_all_the_offline_model_answers() -> None:
    async def ask() -> LLMResponse:
        async with LLMRing() as ring:
            return await ring.chat("fast", messages=HELLO)

    answer = run(ask())
    assert (answer.model, bool(answer.content)) == ("local:tiny", True)
    assert [one["outcome"] for one in answer.attempts][:-1] == ["unavailable"] * 3
