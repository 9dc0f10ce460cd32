"""What was said in calls by any SDK, and decorators that keep it, here or at a server."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from anthropic.types import Message as AnthropicMessage
from google.genai.types import GenerateContentResponse
from ollama import ChatResponse
from openai.types.chat import ChatCompletion

from llmring import Message, StreamChunk
from llmring.conversations import background_notes
from llmring.exceptions import ConfigurationError
from llmring.logging import log_llm_call, log_llm_stream
from llmring.logging.saying import answer_text, question
from tests.cloud.anthropic import wire as claude
from tests.cloud.gemini import wire as gemini
from tests.llmring.logging.test_decorators import OLLAMA, RING
from tests.llmring.server.servers import Client, running
from tests.remote import wire

ANSWERS: dict[str, Any] = {
    "openai": ChatCompletion.model_validate(wire.CHAT),
    "openai as a dict": wire.CHAT,
    "a chunk": wire.chunk("Hello!"),
    "responses": {"output": [{"content": [{"type": "output_text", "text": "Hello!"}]}]},
    "a responses' event": {"type": "response.output_text.delta", "delta": "Hello!"},
    "anthropic": AnthropicMessage.model_validate(claude.message(claude.text("Hello!"))),
    "an anthropic event": {"type": "content_block_delta", "delta": {"text": "Hello!"}},
    "google": GenerateContentResponse.model_validate(gemini.answer(gemini.text("Hello!"))),
    "google's thoughts": gemini.answer({"text": "Hm", "thought": True}, gemini.text("Hello!")),
    "ollama": ChatResponse.model_validate({**OLLAMA, "message": {"role": "assistant",
                                                                "content": "Hello!"}}),
    "llmring": RING.model_copy(update={"content": "Hello!"}),
    "a chunk of llmring": StreamChunk(delta="Hello!", model="a:b"),
}  # fmt: skip


@pytest.mark.parametrize("answer", ANSWERS.values(), ids=ANSWERS)
def test_the_text_of_an_answer_is_read(answer: Any) -> None:
    assert answer_text(answer) in ("Hello!", wire.CHAT["choices"][0]["message"]["content"])


@pytest.mark.parametrize(
    "answer", [None, 7, "text", {}, {"choices": []}, {"content": 7}, SimpleNamespace(delta=3)],
    ids=repr,
)  # fmt: skip
def test_what_has_no_text_has_none(answer: Any) -> None:
    assert answer_text(answer) == ""


def _ask(messages: Any, model: str = "x") -> None: ...
def _prompt(model: str, prompt: str) -> None: ...
def _handing_on(**kwargs: Any) -> None: ...


@pytest.mark.parametrize(
    ("function", "args", "kwargs", "expected"),
    [(_ask, ([{"role": "user", "content": "Hi"}],), {}, [("user", "Hi")]),
     (_ask, (), {"messages": [Message(role="user", content="Hi")]}, [("user", "Hi")]),
     (_ask, ([{"role": "model", "parts": [{"text": "Hi"}]}, 7],), {}, [("assistant", "Hi")]),
     (_ask, ([{"role": "x", "content": "Hi"}, {"role": "user", "content": [{"type": "text"}]}],),
      {}, [("user", [{"type": "text"}])]),
     (_prompt, ("x", "Hi"), {}, [("user", "Hi")]),
     (_handing_on, (), {"contents": ["Hi"]}, [("user", "Hi")]),
     (_handing_on, (), {"other": "Hi"}, []), (_prompt, (1, 2, 3), {}, [])],
)  # fmt: skip
def test_what_was_asked_is_read_off_the_arguments(
    function: Any, args: Any, kwargs: Any, expected: Any
) -> None:
    found = question(function, args, kwargs)
    assert [(message.role, message.content) for message in found] == expected


@pytest.fixture
def tenant(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Client]:
    monkeypatch.setenv("LLMRING_LOG_METADATA", "1")
    with running(database=str(tmp_path / "server.sqlite")) as server:
        yield Client(server.url, Client(server.url).post("/keys", {})["key"])


def flush() -> None:
    async def main() -> None:
        for notes in list(background_notes._all):
            await notes.flush()

    asyncio.run(main())


def test_a_decorator_keeps_calls_at_a_server(tenant: Client) -> None:
    @log_llm_call(tenant.url, tenant.key, log_conversations=True, alias="fast")
    def ask(messages: Any) -> Any:
        messages.append("later")
        return wire.CHAT

    @log_llm_stream(tenant.url, tenant.key, log_metadata=False, log_conversations=True)
    def stream(prompt: str) -> Iterator[Any]:
        yield {**OLLAMA, "done": False}
        yield OLLAMA

    ask([{"role": "user", "content": "One?"}])
    list(stream("Two?"))
    flush()
    (record,) = tenant.get("/logs")
    assert record["alias"] == "fast"
    told = {one["title"]: one["id"] for one in tenant.get("/conversations")}
    assert sorted(told) == ["One?", "Two?"]
    messages = tenant.get(f"/conversations/{told['Two?']}/messages")
    assert [one["content"] for one in messages] == ["Two?", "HiHi"]


def test_a_decorator_refuses_an_impossible_server() -> None:
    for settings in ({"server_url": "http://example.org"}, {"api_key": "x"}):
        with pytest.raises(ConfigurationError):
            log_llm_call(**settings)  # type: ignore[arg-type]
