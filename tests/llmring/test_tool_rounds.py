"""Two turns with a tool: what the model signed in the first comes back to it in the second."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from pydantic import ValidationError

from llmring import LLMResponse, LLMRing, Message
from llmring.messages import wire_message
from tests.cloud.anthropic import wire as claude
from tests.cloud.anthropic.scripts import SIGNATURE, WEATHER
from tests.cloud.gemini import wire as gemini
from tests.llmring.rings import answer_to, chunks_of, request, sent, with_ring
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

ROME = {"location": "Rome"}
CALLED = claude.message(
    claude.thinking("Rome it is.", SIGNATURE),
    {"type": "redacted_thinking", "data": "QUJD"},
    claude.text("Let me see."),
    claude.tool_use("toolu_1", "get_weather", ROME),
    stop="tool_use",
)
SUNNY = claude.message(claude.text("Sunny."))
GEMINI_CALLED = gemini.answer(
    gemini.text("Rome it is.", thought=True),
    gemini.call("get_weather", ROME, id="call_1", thoughtSignature=gemini.SIGNATURE),
)
GEMINI_SUNNY = gemini.answer(gemini.text("Sunny."))
OLLAMA_SUNNY = {"message": {"role": "assistant", "content": "Sunny."}, "done": True}
ANSWERS = {"google": GEMINI_SUNNY, "ollama": OLLAMA_SUNNY}
MODELS = {
    "anthropic": ("anthropic:claude-sonnet-4-5", CALLED, SUNNY),
    "google": ("google:gemini-3.8-flash", GEMINI_CALLED, GEMINI_SUNNY),
}


def stream_of(provider: str, whole: Any) -> bytes:
    events = claude.stream(whole) if provider == "anthropic" else gemini.stream(whole)
    return wire.stream_answer(events)


async def rounds(ring: LLMRing, model: str, *, streamed: bool) -> tuple[LLMResponse, LLMResponse]:
    """The answers of both turns."""
    question = request(model, tools=[WEATHER])
    first = await (ring.chat_stream(question).response if streamed else ring.chat(question))
    assert first.tool_calls
    result = Message(role="tool", content="sunny", tool_call_id=first.tool_calls[0]["id"])
    messages = [*question.messages, first.to_message(), result]
    return first, await ring.chat(request(model, *messages, tools=[WEATHER]))


def play(provider: str, *, streamed: bool = False) -> tuple[Any, LLMResponse, LLMResponse]:
    """The body of the second request, and both answers."""
    model, called, sunny = MODELS[provider]
    begin = stream_of(provider, called) if streamed else wire.answer(called)
    with ScriptedServer((begin, wire.answer(sunny))) as server:
        first, last = with_ring(
            server, provider, lambda ring: rounds(ring, model, streamed=streamed)
        )
        return sent(server), first, last


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_anthropic_gets_its_thoughts_back(streamed: bool) -> None:
    body, first, last = play("anthropic", streamed=streamed)
    assert body["messages"][1] == {"role": "assistant", "content": CALLED["content"]}
    assert body["messages"][2]["content"] == [
        {"type": "tool_result", "tool_use_id": "toolu_1", "content": "sunny"}
    ]
    assert (first.finish_reason, first.content, first.reasoning) == (
        "tool_calls", "Let me see.", "Rome it is."
    )  # fmt: skip
    assert last.content == "Sunny."


@pytest.mark.parametrize("streamed", [False, True], ids=["whole", "streamed"])
def test_google_gets_its_signature_back(streamed: bool) -> None:
    body, _, last = play("google", streamed=streamed)
    (call,) = [part for part in body["contents"][1]["parts"] if "functionCall" in part]
    assert call["thoughtSignature"] == gemini.SIGNATURE
    assert call["functionCall"]["args"] == ROME
    assert body["contents"][2]["parts"][0]["functionResponse"]["name"] == "get_weather"
    assert last.content == "Sunny."


def test_a_signature_beside_a_call_survives_in_its_tool_calls_alone() -> None:
    model, called, sunny = MODELS["google"]
    with ScriptedServer((wire.answer(called), wire.answer(sunny))) as server:
        first = answer_to(server, request(model, tools=[WEATHER]))
        turn = Message(role="assistant", content=None, tool_calls=first.tool_calls)
        result = Message(role="tool", content="sunny", tool_call_id="call_1")
        answer_to(server, request(model, *request(model).messages, turn, result))
        parts = sent(server)["contents"][1]["parts"]
    assert [part.get("thoughtSignature") for part in parts] == [gemini.SIGNATURE]


@pytest.mark.parametrize("provider", ["google", "ollama"])
def test_another_provider_is_not_sent_what_anthropic_signed(provider: str) -> None:
    with ScriptedServer((wire.answer(CALLED),)) as server:
        turn = answer_to(server, request("anthropic:claude-sonnet-4-5")).to_message()
    result = Message(role="tool", content="sunny", tool_call_id="toolu_1")
    with ScriptedServer((wire.answer(ANSWERS[provider]),)) as server:
        answer_to(server, request(f"{provider}:m", *request("").messages, turn, result))
        assert SIGNATURE.encode() not in b"".join(server.bodies)
        assert b"get_weather" in server.bodies[-1]


def test_the_model_here_takes_a_turn_of_anthropics() -> None:
    thought = claude.message(claude.thinking("Hm.", SIGNATURE), claude.text("Hello!"))
    with ScriptedServer((wire.answer(thought),)) as server:
        turn = answer_to(server, request("anthropic:claude-sonnet-4-5")).to_message()

    async def ask() -> LLMResponse:
        async with LLMRing() as ring:
            again = Message(role="user", content="And now?")
            messages = [*request("").messages, turn, again]
            return await ring.chat(request("local:tiny", *messages, max_tokens=4))

    assert asyncio.run(ask()).model == "local:tiny"


def test_a_turn_carries_what_was_thought_without_a_signature() -> None:
    turn = LLMResponse(content="Hi.", model="ollama:x", reasoning="Hm.").to_message()
    assert wire_message(turn) == {"role": "assistant", "content": "Hi.", "thinking": "Hm."}


def test_a_turn_that_says_nothing_is_one() -> None:
    assert LLMResponse(content="", model="a:b").to_message().content == ""


def test_only_calls_stand_for_no_content() -> None:
    with pytest.raises(ValidationError, match="without content"):
        Message(role="assistant", content=None)


def test_a_turn_that_anthropic_paused_goes_on_from_its_own_blocks() -> None:
    looked = {"type": "server_tool_use", "id": "srvtoolu_1", "name": "web_search",
              "input": {"query": "Rome"}}  # fmt: skip
    paused = claude.message(claude.text("I look."), looked, stop="pause_turn")
    model, _, sunny = MODELS["anthropic"]
    with ScriptedServer((wire.answer(paused), wire.answer(sunny))) as server:
        first = answer_to(server, request(model, tools=[{"type": "web_search"}]))
        assert first.finish_reason == "pause_turn"
        assert first.raw is not None
        turn = Message(role="assistant", content=first.raw["content"])
        last = answer_to(server, request(model, *request(model).messages, turn))
        assert sent(server)["messages"][1]["content"] == paused["content"]
    assert last.content == "Sunny."


def test_a_refusal_is_content_whole_and_streamed() -> None:
    refusing = {"role": "assistant", "content": None, "refusal": "I will not."}
    whole = {**wire.CHAT, "choices": [{"index": 0, "message": refusing, "finish_reason": "stop"}]}
    chunk = wire.chunk(finish="stop", refusal="I will not.")
    asked = request("openai:gpt-4o")
    stream = wire.stream_answer(wire.event(chunk) + wire.DONE)
    with ScriptedServer((wire.answer(whole), stream)) as server:
        response, chunks = answer_to(server, asked), chunks_of(server, asked)
    assert response.content == "".join(chunk.delta for chunk in chunks) == "I will not."
    assert response.to_message().content == "I will not."
