"""Calls by any SDK, noted by decorators."""

from __future__ import annotations

import asyncio
import gc
import logging
from collections.abc import AsyncIterator, Callable, Generator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from anthropic.types import Message as AnthropicMessage
from google.genai.types import GenerateContentResponse
from ollama import ChatResponse
from openai.types.chat import ChatCompletion, ChatCompletionChunk
from openai.types.responses import Response

from llmring import LLMResponse
from llmring.conversations import UsageRecord, background_notes, open_store
from llmring.exceptions import ConfigurationError
from llmring.logging import log_llm_call, log_llm_stream
from llmring.logging.decorators import CallFacts
from llmring.pending import Pending
from tests.cloud.anthropic import wire as claude
from tests.cloud.gemini import wire as gemini
from tests.remote import wire

pytestmark = pytest.mark.slow

CLAUDE = claude.message(claude.text("Hi"), usage={
    "input_tokens": 10, "output_tokens": 5, "cache_read_input_tokens": 100,
    "cache_creation_input_tokens": 1,
})  # fmt: skip
OPENAI_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15,
                "prompt_tokens_details": {"cached_tokens": 4}}  # fmt: skip
GEMINI = gemini.answer(gemini.text("Hi"), modelVersion="gemini-x", usageMetadata={
    "promptTokenCount": 10, "candidatesTokenCount": 3, "thoughtsTokenCount": 2,
    "cachedContentTokenCount": 4, "totalTokenCount": 15,
})  # fmt: skip
OLLAMA = {"model": "llama", "message": {"role": "assistant", "content": "Hi"}, "done": True,
          "prompt_eval_count": 10, "eval_count": 5}  # fmt: skip
CHAT = {**wire.CHAT, "model": "gpt-x", "usage": OPENAI_USAGE}
RESPONSE = {"model": "gpt-x", "usage": {"input_tokens": 10, "output_tokens": 5, "total_tokens": 15,
            "input_tokens_details": {"cached_tokens": 4}}}  # fmt: skip
RING = LLMResponse(content="Hi", model="anthropic:claude-x", usage={
    "prompt_tokens": 111, "completion_tokens": 5, "cached_tokens": 100,
    "cache_read_input_tokens": 100,
})  # fmt: skip

#: Answers with provider, model, and tokens read, written and cached.
ANSWERS: dict[str, tuple[Any, tuple[str, str, int, int, int]]] = {
    "openai": (ChatCompletion.model_validate(CHAT), ("openai", "gpt-x", 10, 5, 4)),
    "openai as a dict": (CHAT, ("openai", "gpt-x", 10, 5, 4)),
    "openai's responses": (Response.model_construct(**RESPONSE), ("openai", "gpt-x", 10, 5, 4)),
    "anthropic": (
        AnthropicMessage.model_validate(CLAUDE), ("anthropic", CLAUDE["model"], 111, 5, 100)
    ),
    "anthropic as a dict": (CLAUDE, ("anthropic", CLAUDE["model"], 111, 5, 100)),
    "google": (
        GenerateContentResponse.model_validate(GEMINI), ("google", "gemini-x", 10, 5, 4)
    ),
    "google as a dict": (GEMINI, ("google", "gemini-x", 10, 5, 4)),
    "ollama": (ChatResponse.model_validate(OLLAMA), ("ollama", "llama", 10, 5, 0)),
    "llmring": (RING, ("anthropic", "claude-x", 111, 5, 100)),
    "something else": (object(), ("unknown", "unknown", 0, 0, 0)),
    "nothing": (None, ("unknown", "unknown", 0, 0, 0)),
}  # fmt: skip


@pytest.fixture(autouse=True)
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LLMRING_LOG_METADATA", "1")
    monkeypatch.setenv("LLMRING_DATABASE_URL", str(tmp_path / "usage.sqlite"))


@pytest.fixture
def noted() -> Callable[[], list[UsageRecord]]:
    """What was noted, once all is written."""

    async def read() -> list[UsageRecord]:
        for notes in list(background_notes._all):
            await notes.flush()
        store = open_store()
        try:
            return (await store.usage())[::-1]
        finally:
            await store.close()

    return lambda: asyncio.run(read())


def told(record: UsageRecord) -> tuple[str, str, int, int, int]:
    return (record.provider, record.model, record.input_tokens, record.output_tokens,
            record.cached_input_tokens)  # fmt: skip


@pytest.mark.parametrize(("answer", "expected"), ANSWERS.values(), ids=ANSWERS)
def test_an_answer_is_noted_and_given_as_it_is(
    noted: Callable[[], list[UsageRecord]], answer: Any, expected: Any
) -> None:
    @log_llm_call(origin="app", alias="fast")
    async def ask(question: str, *, loud: bool) -> Any:
        """Asks."""
        return answer if (question, loud) == ("Hi", True) else None

    assert asyncio.run(ask("Hi", loud=True)) is answer
    assert (ask.__name__, ask.__doc__) == ("ask", "Asks.")
    (record,) = noted()
    assert told(record) == expected
    assert (record.origin, record.alias) == ("app", "fast")


def test_a_plain_function_will_do_and_facts_may_be_given(
    noted: Callable[[], list[UsageRecord]],
) -> None:
    @log_llm_call(provider="groq", model="llama-x")
    def ask() -> Any:
        return CHAT

    assert ask() is CHAT
    assert told(noted()[0]) == ("groq", "llama-x", 10, 5, 4)


async def _soon() -> Any:
    await asyncio.sleep(0)
    return CHAT


async def _from_ring() -> LLMResponse:
    return RING


def _pending() -> Pending[LLMResponse]:
    return Pending(_from_ring, "the call", LLMResponse)


TO_COME: dict[str, tuple[Callable[[], Any], tuple[str, str, int, int, int]]] = {
    "a coroutine": (_soon, ("openai", "gpt-x", 10, 5, 4)),
    "a task": (lambda: asyncio.create_task(_soon()), ("openai", "gpt-x", 10, 5, 4)),
    "llmring's": (_pending, ("anthropic", "claude-x", 111, 5, 100)),
}


@pytest.mark.parametrize(("give", "expected"), TO_COME.values(), ids=TO_COME)
def test_an_answer_to_come_is_noted_when_it_has_come(
    noted: Callable[[], list[UsageRecord]], give: Callable[[], Any], expected: Any
) -> None:
    ask = log_llm_call()(lambda: give())

    async def main() -> None:
        assert await ask() in (CHAT, RING)

    asyncio.run(main())
    assert [told(record) for record in noted()] == [expected]


def test_a_call_of_llmring_is_not_made_before_it_is_read(
    noted: Callable[[], list[UsageRecord]],
) -> None:
    answer = log_llm_call()(_pending)()
    assert repr(answer) == "<the call: not awaited>"
    assert answer.content == "Hi"
    assert [told(record) for record in noted()] == [("anthropic", "claude-x", 111, 5, 100)]


def test_an_answer_that_never_comes_is_no_call(noted: Callable[[], list[UsageRecord]]) -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def main() -> None:
        for give in (fail, lambda: asyncio.create_task(fail())):
            with pytest.raises(ValueError, match="no"):
                await log_llm_call()(lambda give=give: give())()

    asyncio.run(main())
    assert noted() == []


def test_a_task_that_fails_unseen_is_told_as_without_the_decorator(
    noted: Callable[[], list[UsageRecord]],
) -> None:
    async def fail() -> None:
        raise ValueError("no")

    async def main() -> list[str]:
        told: list[str] = []
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(lambda _, facts: told.append(facts["message"]))
        task = log_llm_call()(lambda: asyncio.create_task(fail()))()
        await asyncio.wait([task])
        await asyncio.sleep(0)  # what is told of the end has been told
        del task
        gc.collect()
        return told

    assert asyncio.run(main()) == ["Task exception was never retrieved"]
    assert noted() == []


def test_a_known_model_is_priced(noted: Callable[[], list[UsageRecord]]) -> None:
    ask = log_llm_call()(lambda: {**CHAT, "model": "gpt-6-luna"})
    ask()
    (record,) = noted()
    assert record.cost is not None
    assert record.cost > 0


def _openai_chunks() -> list[Any]:
    chunk = wire.chunk("Hi", "stop")
    events = [chunk, {**chunk, "choices": [], "usage": OPENAI_USAGE}]
    return [ChatCompletionChunk.model_validate({**one, "model": "gpt-x"}) for one in events]


def _claude_chunks() -> list[Any]:
    start = {**CLAUDE, "usage": {**CLAUDE["usage"], "output_tokens": 1}}
    return [{"type": "message_start", "message": start}, {"type": "content_block_delta"},
            {"type": "message_delta", "usage": {"output_tokens": 5}}]  # fmt: skip


STREAMS: dict[str, tuple[list[Any], tuple[str, str, int, int, int]]] = {
    "openai": (_openai_chunks(), ("openai", "gpt-x", 10, 5, 4)),
    "anthropic": (_claude_chunks(), ("anthropic", CLAUDE["model"], 111, 5, 100)),
    "google": ([{**GEMINI, "usageMetadata": {"promptTokenCount": 9}}, GEMINI],
               ("google", "gemini-x", 10, 5, 4)),
    "ollama": ([{"model": "llama"}, OLLAMA], ("ollama", "llama", 10, 5, 0)),
}  # fmt: skip


@pytest.mark.parametrize(("chunks", "expected"), STREAMS.values(), ids=STREAMS)
@pytest.mark.parametrize("is_async", [False, True], ids=["plain", "async"])
def test_a_stream_is_noted_once_and_given_as_it_is(
    noted: Callable[[], list[UsageRecord]], is_async: bool, chunks: list[Any], expected: Any
) -> None:
    @log_llm_stream()
    def plain() -> Iterator[Any]:
        yield from chunks

    @log_llm_stream()
    async def coroutine() -> AsyncIterator[Any]:
        for chunk in chunks:
            yield chunk

    async def read() -> list[Any]:
        return [chunk async for chunk in coroutine()]

    assert (asyncio.run(read()) if is_async else list(plain())) == chunks
    (record,) = noted()
    assert told(record) == expected


def test_what_a_generator_returns_is_returned(noted: Callable[[], list[UsageRecord]]) -> None:
    @log_llm_stream()
    def ask() -> Generator[Any, None, str]:
        yield OLLAMA
        return "done"

    def read() -> Iterator[Any]:
        yield (yield from ask())

    assert list(read()) == [OLLAMA, "done"]
    assert len(noted()) == 1


def test_a_stream_that_is_left_is_noted_and_closed(
    noted: Callable[[], list[UsageRecord]],
) -> None:
    closed = []

    @log_llm_stream()
    async def ask() -> AsyncIterator[Any]:
        try:
            yield OLLAMA
            yield OLLAMA
        finally:
            closed.append(True)

    async def leave() -> None:
        stream = ask()
        await anext(stream)
        await stream.aclose()  # type: ignore[attr-defined]  # it is a generator still

    asyncio.run(leave())
    assert closed == [True]
    assert len(noted()) == 1


def test_an_error_goes_through_and_is_no_call(noted: Callable[[], list[UsageRecord]]) -> None:
    @log_llm_call()
    def ask() -> Any:
        raise KeyError("mine")

    @log_llm_stream()
    def stream() -> Iterator[Any]:
        yield {"model": "x"}
        raise KeyError("mine")

    for call in (ask, lambda: list(stream())):
        with pytest.raises(KeyError, match="mine"):
            call()
    assert noted() == []


def test_an_answer_that_bites_breaks_nothing(noted: Callable[[], list[UsageRecord]]) -> None:
    class Biting:
        def __getattr__(self, name: str) -> Any:
            raise RuntimeError(name)

    answer = Biting()
    assert log_llm_call()(lambda: answer)() is answer
    assert told(noted()[0]) == ("unknown", "unknown", 0, 0, 0)


def test_a_log_that_cannot_be_written_breaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    ask = log_llm_call(store=tmp_path)(lambda: CHAT)
    with caplog.at_level(logging.WARNING, "llmring.usage"):
        assert ask() is CHAT
        for notes in list(background_notes._all):
            asyncio.run(notes.close())
    assert "1 call is not in the log: cannot use the database at" in caplog.text


def test_a_path_is_meant_from_where_the_program_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, noted: Callable[[], list[UsageRecord]]
) -> None:
    monkeypatch.chdir(tmp_path)
    ask = log_llm_call(store="usage.sqlite")(lambda: CHAT)
    monkeypatch.chdir("/")
    ask()
    assert len(noted()) == 1


def test_an_impossible_place_is_refused() -> None:
    with pytest.raises(ConfigurationError, match="a database cannot be at"):
        log_llm_call(store="mysql://nowhere")


@pytest.mark.parametrize("argument", ["provider", "model", "alias", "origin"])
def test_a_name_that_is_no_text_is_refused(argument: str) -> None:
    wrong: Any = {argument: 7}
    with pytest.raises(ConfigurationError, match=f"{argument} is a int; give its name"):
        log_llm_call(**wrong)


def test_each_decorator_names_the_other() -> None:
    def pieces() -> Iterator[Any]:
        yield 1

    with pytest.raises(ConfigurationError, match="use @log_llm_stream"):
        log_llm_call()(pieces)
    with pytest.raises(ConfigurationError, match="use @log_llm_call"):
        log_llm_stream()(lambda: CHAT)


def test_odd_counts_are_none() -> None:
    facts = CallFacts()
    usage = {"prompt_tokens": "7", "completion_tokens": True, "prompt_tokens_details": 3}
    facts.read(SimpleNamespace(model=7, usage=usage))
    assert (facts.model, facts.usage) == (None, None)
