"""`LLMClient(backend="ollama")` beside the same client in process: one shape, one set of errors."""

from __future__ import annotations

import asyncio
import gc
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from LLM.exceptions import LLMTimeoutError
from local_llm_kit import AsyncLLMClient, CompletionResponse, InvalidRequestError, LLMClient
from local_llm_kit.loading import LoadOptions
from tests.local.http import ask
from tests.local.ollama.fake import FakeOllama, Hold, ndjson, said
from tests.local.ollama.support import HELLO, TOOLS
from tests.local.support import running_server

pytestmark = pytest.mark.slow

Ask = Callable[[LLMClient], Any]


@pytest.fixture
def remote(fake: FakeOllama) -> Iterator[LLMClient]:
    with LLMClient("tiny", backend="ollama", host=fake.host) as client:
        yield client


def shape(value: Any) -> Any:
    """The names and types of an answer, its texts and numbers left out."""
    if hasattr(value, "model_dump"):
        value = value.model_dump()
    if isinstance(value, dict):
        return {name: shape(item) for name, item in value.items()}
    if isinstance(value, list):
        return [shape(item) for item in value[:1]]
    return type(value).__name__


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.chat.completions.create(messages=HELLO, temperature=0),
        lambda client: client.chat.completions.create(messages=HELLO, n=2, seed=3),
        lambda client: client.chat.completions.create(messages=HELLO, stream=True).response,
        lambda client: list(client.chat.completions.create(messages=HELLO, stream=True)),
        lambda client: client.completions.create(prompt="Hello", max_tokens=3, echo=True),
        lambda client: list(client.completions.create(prompt="Hello", max_tokens=3, stream=True)),
        lambda client: client.embeddings.create(input="Hello"),
        lambda client: client.models.list(),
    ],
    ids=["chat", "n", "assembled", "chunks", "completion", "completion chunks", "embeddings",
         "models"],
)  # fmt: skip
def test_answers_have_the_shape_of_those_in_process(
    client: LLMClient, remote: LLMClient, call: Ask
) -> None:
    assert shape(call(remote)) == shape(call(client))


@pytest.mark.parametrize(
    "call",
    [
        lambda client: client.chat.completions.create(messages=[]),
        lambda client: client.chat.completions.create(messages=HELLO, temperature=9),
        lambda client: client.chat.completions.create(messages=HELLO, model="other-model"),
        lambda client: client.completions.create(prompt=""),
    ],
    ids=["no messages", "temperature", "another model", "empty prompt"],
)
def test_wrong_calls_raise_what_they_raise_in_process(
    client: LLMClient, remote: LLMClient, call: Ask
) -> None:
    with pytest.raises(InvalidRequestError) as there:
        call(remote)
    with pytest.raises(InvalidRequestError) as here:
        call(client)
    assert type(there.value) is type(here.value)


def test_an_answer_can_be_the_next_turns_history(fake: FakeOllama, remote: LLMClient) -> None:
    fake.script("/api/chat", *ndjson({"message": {"thinking": "Hm"}}, *said("Yes")))
    message = remote.chat.completions.create(messages=HELLO).choices[0].message
    remote.chat.completions.create(messages=[*HELLO, message.model_dump(), *HELLO])
    assert fake.bodies("/api/chat")[1]["messages"][1] == {"role": "assistant", "content": "Yes"}


def test_leaving_a_stream_closes_its_connection(fake: FakeOllama, remote: LLMClient) -> None:
    hold = Hold()
    fake.script("/api/chat", *ndjson(said("one")[0]), hold)
    with remote.chat.completions.create(messages=HELLO, stream=True) as stream:
        assert next(iter(stream)).choices[0].delta.content == "one"
        assert hold.reached.wait(20)
    assert hold.left.wait(20)


def test_the_asynchronous_client_answers_too(fake: FakeOllama) -> None:
    async def talk() -> tuple[str | None, str]:
        async with AsyncLLMClient("tiny", backend="ollama", host=fake.host) as client:
            whole = await client.chat.completions.create(messages=HELLO)
            stream = await client.chat.completions.create(messages=HELLO, stream=True)
            parts = [chunk.choices[0].delta.content or "" async for chunk in stream]
            return whole.text, "".join(parts)

    assert asyncio.run(talk()) == ("Hello there", "Hello there")


def test_options_that_ollama_has_no_use_for_are_refused(fake: FakeOllama) -> None:
    with pytest.raises(InvalidRequestError, match="n_gpu_layers is 3"):
        LLMClient("tiny", backend="ollama", host=fake.host, n_gpu_layers=3)


def test_the_servers_silence_is_bounded(fake: FakeOllama) -> None:
    with LLMClient("tiny", backend="ollama", host=fake.host, server_timeout=0.2) as client:
        fake.script("/api/chat", Hold())
        with pytest.raises(LLMTimeoutError, match="raise server_timeout"):
            client.chat.completions.create(messages=HELLO)


def test_a_call_with_its_result_is_sent_back(fake: FakeOllama, remote: LLMClient) -> None:
    called = {"tool_calls": [{"function": {"name": "look", "arguments": {}}}]}
    fake.script("/api/chat", *ndjson({"message": called}, *said()))
    message = remote.chat.completions.create(messages=HELLO, tools=TOOLS).choices[0].message
    assert message.tool_calls
    result = {"role": "tool", "tool_call_id": message.tool_calls[0].id, "content": "sunny"}
    answer = remote.chat.completions.create(messages=[*HELLO, message, result], tools=TOOLS)
    assert isinstance(answer, CompletionResponse)
    assert fake.bodies("/api/chat")[1]["messages"][2]["tool_name"] == "look"


@pytest.mark.slow
def test_a_dropped_client_ends_its_thread(fake: FakeOllama) -> None:
    client = LLMClient("tiny", backend="ollama", host=fake.host)
    (thread,) = [one for one in threading.enumerate() if one.name == "ollama"]
    del client
    gc.collect()
    thread.join(20)
    assert not thread.is_alive()


def test_this_packages_server_serves_a_model_of_ollamas(fake: FakeOllama) -> None:
    load = LoadOptions(backend="ollama", host=fake.host)
    with running_server(load) as server:
        answer = ask(server.url, "/v1/chat/completions", {"messages": HELLO})
    assert answer.json["choices"][0]["message"]["content"] == "Hello there"
