"""What was said: recorded only when asked for, in the conventions' form and within bounds."""

from __future__ import annotations

import json
import logging
from typing import Any

import pytest

from cloud.llm import AnthropicClient
from LLM import LLMError
from LLM.telemetry import CONTENT_VARIABLE, content
from local_llm_kit import LLMClient
from tests.client.conftest import CHAT, answer, events
from tests.cloud.anthropic import wire as claude
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer
from tests.telemetry import published
from tests.telemetry.conftest import Seen

SECRET = "sk-test-123456"
CALLED = {"id": "c1", "type": "function", "function": {"name": "zebra", "arguments": '{"a": 1}'}}
TOOLS = [{"type": "function", "function": {"name": "zebra", "parameters": {"zebra": 1}}}]
TALK: list[dict[str, Any]] = [
    {"role": "system", "content": "zebra"},
    {"role": "user", "content": [
        {"type": "text", "text": "zebra"},
        {"type": "image_url", "image_url": {"url": "https://a.test/zebra.png?sig=zebra"}},
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,emVicmE="}},
        {"type": "input_audio", "input_audio": {"data": "emVicmE="}},
    ]},
    {"role": "assistant", "content": None, "tool_calls": [CALLED]},
    {"role": "tool", "tool_call_id": "c1", "content": "zebra"},
]  # fmt: skip


def _messages(seen: Seen, name: str) -> list[dict[str, Any]]:
    return json.loads((seen.span.attributes or {})[name])


def _check(messages: list[dict[str, Any]]) -> None:
    """Hold messages against the conventions' JSON schema."""
    for message in messages:
        assert message["role"] in published.ROLES
        for part in message["parts"]:
            assert published.PARTS.get(part["type"], set()) <= part.keys()


def test_nothing_of_what_is_said_is_recorded_by_default(seen: Seen, api: Any, make: Any) -> None:
    refusal = {"error": {"message": "zebra is refused"}}
    api.post(CHAT, json=answer("zebra", message={"tool_calls": [CALLED]}))
    api.post(CHAT, status=400, json=refusal)
    llm = make()
    llm.chat_completion(TALK, tools=TOOLS)
    with pytest.raises(LLMError, match="zebra"):
        llm.chat_completion(TALK, tools=TOOLS)
    assert len(seen.spans) == 2
    assert "zebra" not in seen.text()


def test_nothing_of_a_stream_is_recorded_by_default(seen: Seen, api: Any, make: Any) -> None:
    api.post(CHAT, body=events("zebra"), content_type="text/event-stream")
    assert make().chat_completion(TALK, stream=True).response.text == "zebra"
    assert "zebra" not in seen.text()


def test_nothing_of_a_local_call_is_recorded_by_default(seen: Seen) -> None:
    with LLMClient("tiny", backend="llama.cpp") as client:
        client.chat.completions.create(
            messages=[{"role": "user", "content": "zebra"}], max_tokens=2
        )
        client.embeddings.create(input="zebra")
    assert len(seen.spans) == 2
    assert "zebra" not in seen.text()


def test_messages_are_recorded_in_the_form_of_the_conventions(
    seen: Seen, api: Any, make: Any
) -> None:
    seen.record(capture_content=True)
    api.post(CHAT, json=answer("Hi!", message={"tool_calls": [CALLED]}))
    make().chat_completion(TALK, tools=TOOLS)
    sent, got = _messages(seen, "gen_ai.input.messages"), _messages(seen, "gen_ai.output.messages")
    _check([*sent, *got])
    assert [message["role"] for message in sent] == ["system", "user", "assistant", "tool"]
    assert sent[1]["parts"][1:3] == [
        {"modality": "image", "type": "uri", "uri": "https://a.test/zebra.png"},
        {"modality": "image", "type": "blob", "content": ""},
    ]
    assert sent[2]["parts"][0]["arguments"] == {"a": 1}
    assert [part["type"] for part in got[0]["parts"]] == ["text", "tool_call"]
    assert got[0]["finish_reason"] in published.FINISH_REASONS
    assert _messages(seen, "gen_ai.tool.definitions") == [{"type": "function", "name": "zebra"}]


def test_instructions_given_apart_are_recorded_apart(seen: Seen) -> None:
    seen.record(capture_content=True)
    with ScriptedServer((wire.answer(claude.message(claude.text("Hello!"))),)) as server:
        client = AnthropicClient(SECRET, base_url=server.url)
        client.chat([{"role": "user", "content": "Hi"}], system="Be brief.")
    assert _messages(seen, "gen_ai.system_instructions") == [
        {"type": "text", "content": "Be brief."}
    ]
    assert [one["role"] for one in _messages(seen, "gen_ai.input.messages")] == ["user"]


def test_prompt_of_a_text_completion_is_a_message(seen: Seen) -> None:
    seen.record(capture_content=True)
    with LLMClient("tiny", backend="llama.cpp") as client:
        client.completions.create(prompt="Once", max_tokens=2)
    (message,) = _messages(seen, "gen_ai.input.messages")
    assert message["parts"] == [{"type": "text", "content": "Once"}]
    (told,) = _messages(seen, "gen_ai.output.messages")
    assert told["finish_reason"] == "length"


def test_keys_are_masked_wherever_they_are_said(seen: Seen, api: Any, make: Any) -> None:
    seen.record(capture_content=True)
    at_the_cut = "x" * (content.MAX_TEXT_CHARS - 6) + SECRET
    api.post(CHAT, json=answer(f"It is {SECRET}", id=SECRET, model=SECRET))
    make({"api_key": SECRET}).chat_completion([{"role": "user", "content": at_the_cut}])
    assert "sk-" not in seen.text()
    assert "**********" in seen.text()


def test_long_texts_are_cut_and_old_messages_left_out(seen: Seen, api: Any, make: Any) -> None:
    seen.record(capture_content=True)
    api.post(CHAT, json=answer())
    long = [{"role": "user", "content": f"{number} " + "é" * 20_000} for number in range(50)]
    make().chat_completion([*long, {"role": "user", "content": "last"}])
    text = (seen.span.attributes or {})["gen_ai.input.messages"]
    assert len(text) <= content.MAX_ATTRIBUTE_CHARS
    messages = json.loads(text)
    _check(messages)
    assert messages[-1]["parts"][0]["content"] == "last"
    assert messages[-2]["parts"][0]["content"].endswith("more characters)")


@pytest.mark.parametrize(
    ("value", "recorded"),
    [("true", True), ("SPAN_ONLY", True), ("span_and_event", True), ("event_only", False),
     ("NO_CONTENT", False), ("", False)],
)  # fmt: skip
def test_variable_of_the_conventions_turns_content_on(
    seen: Seen, api: Any, make: Any, monkeypatch: pytest.MonkeyPatch, value: str, recorded: bool
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, value)
    seen.record()
    api.post(CHAT, json=answer())
    make().chat_completion(TALK)
    assert ("gen_ai.input.messages" in (seen.span.attributes or {})) is recorded


def test_unknown_value_of_the_variable_records_nothing_and_is_told(
    seen: Seen, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, "sometimes")
    with caplog.at_level(logging.WARNING, "LLM"):
        seen.record()
    assert CONTENT_VARIABLE in caplog.text


def test_argument_wins_over_the_variable(
    seen: Seen, api: Any, make: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CONTENT_VARIABLE, "true")
    seen.record(capture_content=False)
    api.post(CHAT, json=answer())
    make().chat_completion(TALK)
    assert "gen_ai.input.messages" not in (seen.span.attributes or {})
