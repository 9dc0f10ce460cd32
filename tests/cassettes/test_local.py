"""Models in this process on a cassette: recorded as they answer, replayed without being there."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from LLM import CassetteMissError, LLMContextLengthError, LLMResponseError, cassette
from local_llm_kit import AsyncLLMClient, LLMClient
from tests.cassettes.conftest import HELLO, lines

pytestmark = pytest.mark.slow

FEW: dict[str, Any] = {"max_tokens": 5, "seed": 1}


class Reply(BaseModel):
    """A form of an answer."""

    text: str


def chat(client: LLMClient) -> Any:
    return client.chat.completions.create(messages=HELLO, **FEW).model_dump()


def chat_stream(client: LLMClient) -> Any:
    stream = client.chat.completions.create(messages=HELLO, stream=True, **FEW)
    return [chunk.model_dump() for chunk in stream], stream.response.model_dump()


def left_at_once(client: LLMClient) -> Any:
    with client.chat.completions.create(messages=HELLO, stream=True, **FEW) as stream:
        return next(stream).model_dump()


def parsed(client: LLMClient) -> Any:
    asked: dict[str, Any] = {"response_format": Reply, "max_tokens": 60, "seed": 1}
    return client.chat.completions.create(messages=HELLO, **asked).choices[0].message.parsed


def completion_stream(client: LLMClient) -> Any:
    return "".join(client.completions.create(prompt="Once", stream=True, **FEW).iter_text())


def embeddings(client: LLMClient) -> Any:
    return client.embeddings.create(input=["a", "b"]).model_dump()


def decision(client: LLMClient) -> Any:
    question = {"type": "predicate", "instructions": "It is wet."}
    return client.decisions.create(input="It rains.", questions=[question]).model_dump()


def tokens(client: LLMClient) -> Any:
    ids = client.tokenize("Hello there")
    return ids, client.detokenize(ids), client.count_tokens("Hello"), client.count_tokens(HELLO)


def too_long(client: LLMClient) -> Any:
    with pytest.raises(LLMContextLengthError) as caught:
        client.chat.completions.create(messages=[{"role": "user", "content": "a " * 50_000}])
    return caught.value.message, caught.value.body, caught.value.status_code


def remembered(client: LLMClient) -> Any:
    client.enable_memory(60)
    return [client.chat.completions.create(messages=HELLO, **FEW).text for _ in range(6)]


def job(client: LLMClient) -> Any:
    bodies = [{"messages": HELLO, "seed": seed, "max_tokens": 5} for seed in range(4)]
    return [done.text for done in client.batch(bodies).results]


CALLS = (chat, chat_stream, left_at_once, parsed, completion_stream, embeddings, decision, tokens,
         too_long, remembered, job)  # fmt: skip


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.__name__)
def test_calls_replay_without_the_model(call: Callable[[LLMClient], Any], file: Path) -> None:
    with cassette(file), LLMClient("tiny") as client:
        first = call(client)
    with cassette(file, strict=True, pace=0), LLMClient("tiny") as client:
        assert call(client) == first
        assert client._catalog.loaded() == []


def test_a_request_that_a_strict_cassette_lacks_ends_its_job(file: Path) -> None:
    with cassette(file), LLMClient("tiny") as client:
        chat(client)
    with cassette(file, strict=True), LLMClient("tiny") as client, pytest.raises(CassetteMissError):
        job(client)


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_a_file_that_is_not_there_answers_from_the_cassette(
    file: Path, tmp_path: Path, stream: bool
) -> None:
    def ask(path: str) -> str:
        with LLMClient(path) as client:
            answer = client.chat.completions.create(messages=HELLO, stream=stream, **FEW)
            return answer.response.text if stream else answer.text

    with LLMClient("tiny") as bundled:
        weights = Path(bundled.info.path)
    here = tmp_path / "big.gguf"
    here.symlink_to(weights)
    with cassette(file):
        first = ask(str(here))
    here.unlink()
    with cassette(file, pace=0):
        assert ask("/nowhere/on/this/machine/big.gguf") == first
    assert str(tmp_path) not in file.read_text("utf-8")


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])
def test_coroutines_replay_what_threads_recorded(file: Path, stream: bool) -> None:
    async def ask() -> Any:
        async with AsyncLLMClient("tiny") as client:
            asked: dict[str, Any] = {"messages": HELLO, "stream": stream, **FEW}
            answer: Any = await client.chat.completions.create(**asked)
            return (await answer.response if stream else answer).model_dump()

    with cassette(file), LLMClient("tiny") as client:
        first: Any = client.chat.completions.create(messages=HELLO, stream=stream, **FEW)
        whole = (first.response if stream else first).model_dump()
    with cassette(file, strict=True, pace=0):
        assert asyncio.run(ask()) == whole
    with cassette(file, "all"):
        again = asyncio.run(ask())
    assert again["choices"] == whole["choices"]
    assert again["usage"]["total_tokens"] == whole["usage"]["total_tokens"]


def test_new_episodes_loads_the_model_for_what_is_new(file: Path) -> None:
    with cassette(file), LLMClient("tiny") as client:
        chat(client)
    with cassette(file, "new_episodes", pace=0), LLMClient("tiny") as client:
        chat(client)
        assert client._catalog.loaded() == []
        assert client.completions.create(prompt="Once", **FEW).text
        assert len(client._catalog.loaded()) == 1
    assert len(lines(file)) == 2


def test_facts_about_a_model_that_is_not_there_are_refused_plainly(file: Path) -> None:
    with cassette(file), LLMClient("tiny") as client:
        chat(client)
    with cassette(file, strict=True), LLMClient("big.gguf") as client:
        with pytest.raises(ValueError, match=r"'big\.gguf' is not loaded: a cassette"):
            client.load()
        with pytest.raises(ValueError, match="not loaded"):
            client.info  # noqa: B018
        with pytest.raises(CassetteMissError, match="local:/v1/tokenize"):
            client.tokenize("Hello")
        with pytest.raises(CassetteMissError, match=r"big\.gguf"):
            chat(client)


def test_a_stream_that_is_cancelled_is_written_as_left(file: Path) -> None:
    async def ask() -> None:
        async with AsyncLLMClient("tiny") as client:
            stream = await client.chat.completions.create(
                messages=HELLO, stream=True, max_tokens=2000, logit_bias={}
            )
            await anext(stream)
            await stream.aclose()

    with cassette(file):
        asyncio.run(ask())
    assert lines(file)[-1]["response"]["end"] == "left"


def test_a_recorded_answer_that_is_none_is_told(file: Path) -> None:
    with cassette(file), LLMClient("tiny") as client:
        chat(client)
    text = file.read_text("utf-8")
    start = text.index('"response"')
    file.write_text(text[:start] + '"response": {"status": 200, "headers": {}, "text": "?"}}\n')
    with (
        cassette(file, strict=True, pace=0),
        LLMClient("tiny") as client,
        pytest.raises(LLMResponseError, match="no answer of its kind"),
    ):
        chat(client)
