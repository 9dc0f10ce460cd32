"""Images and files that tools give: shown to models that see them, described to others."""

from __future__ import annotations

import asyncio
import json
import logging
from typing import Any

import pytest

from llmring import LLMRing, Message
from llmring.exceptions import AnswerValidationError, ProviderRequestError
from llmring.mcp.client import EnhancedLLM
from llmring.mcp.client.telling import MAX_RESULT_DATA, bounded, in_words
from llmring.mcp.tools import ToolResult
from tests.llmring.mcp.turns import Said, ask, told
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

PNG = "iVBORw0KGgo" + "A" * 89
IMAGE = {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
TEXT = {"type": "text", "text": "A chart:"}
WORDS = "A chart:\n[image: image/png, 1 KiB; this model cannot see it]"
DRAWN = Said(calls=[("draw", {})])
SEEN = Said("I see.")


def draw() -> ToolResult:
    """Draw a chart."""
    return ToolResult([TEXT, IMAGE])


def refuse(request: Any) -> bytes:
    return wire.answer({"error": {"message": "no images here", "type": "invalid"}}, 400)


@pytest.mark.parametrize("provider", ["openai", "anthropic", "google"])
def test_a_model_that_sees_is_shown_the_image(provider: str, streamed: bool) -> None:
    turn, _, bodies = ask(DRAWN, SEEN, provider=provider, streamed=streamed, tools=[draw])
    assert PNG in json.dumps(bodies[1])
    assert told(turn) == [[TEXT, IMAGE]]


def test_a_model_that_refuses_images_is_told_of_them(
    streamed: bool, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, "llmring.tools"):
        turn, _, bodies = ask(DRAWN, refuse, DRAWN, SEEN, streamed=streamed, tools=[draw])
    assert turn.content == "I see."
    assert [PNG in json.dumps(body) for body in bodies] == [False, True, False, False]
    assert bodies[2]["messages"][-1]["content"] == WORDS
    assert "described instead" in caplog.text


def test_a_request_that_is_refused_in_words_too_is_an_error(streamed: bool) -> None:
    with pytest.raises(ProviderRequestError, match="no images here"):
        ask(DRAWN, refuse, refuse, streamed=streamed, tools=[draw])


def test_an_answer_that_does_not_fit_is_not_asked_for_again(streamed: bool) -> None:
    form = {"type": "json_schema", "json_schema": {"schema": {"type": "object"}, "strict": True}}
    with pytest.raises(AnswerValidationError):
        ask(DRAWN, SEEN, DRAWN, streamed=streamed, tools=[draw], fields={"response_format": form})


def test_a_stream_that_has_begun_is_not_asked_for_again() -> None:
    error = {"message": "too long", "type": "invalid_request_error", "code": 400}
    events = wire.event(wire.chunk("I ")) + wire.event({"error": error})
    with pytest.raises(ProviderRequestError, match="too long"):
        ask(DRAWN, wire.stream_answer(events), SEEN, streamed=True, tools=[draw])


def test_a_model_that_is_known_not_to_see_is_not_asked_to() -> None:
    async def main(server: ScriptedServer) -> None:
        from cloud import close_all_cloud_clients

        async with LLMRing() as ring:
            ring.register_provider("openai", api_key="k", base_url=server.url)
            async with EnhancedLLM(ring, "openai:gpt-3.5-turbo", tools=[draw]) as llm:
                await llm.chat([{"role": "user", "content": "Draw!"}])
        await close_all_cloud_clients()

    with ScriptedServer((DRAWN, SEEN)) as server:
        asyncio.run(main(server))
        assert json.loads(server.bodies[1])["messages"][-1]["content"] == WORDS


def test_the_model_here_is_told_of_images() -> None:
    async def main() -> Any:
        async with LLMRing() as ring, EnhancedLLM(ring, "local:tiny") as llm:
            function = {"name": "draw", "arguments": "{}"}
            call = {"id": "1", "type": "function", "function": function}
            messages = [
                Message(role="user", content="Draw!"),
                Message(role="assistant", tool_calls=[call]),
                Message(role="tool", tool_call_id="1", content=[TEXT, IMAGE]),
            ]
            return await llm.chat(messages, max_tokens=4)

    assert asyncio.run(main()).model == "local:tiny"


@pytest.mark.parametrize(
    ("part", "words"),
    [
        (IMAGE, "[image: image/png, 1 KiB"),
        ({"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": "AA"}},
         "[image: image/gif, 1 KiB"),
        ({"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
         "[file: application/pdf, 1 KiB"),
        ({"type": "input_audio", "input_audio": {"data": "AAAA", "format": "wav"}},
         "[audio: 1 KiB"),
    ],
    ids=["image", "Anthropic's image", "file", "audio"],
)  # fmt: skip
def test_what_is_not_seen_is_said(part: dict[str, Any], words: str) -> None:
    message = Message(role="tool", tool_call_id="1", content=[part])
    (told_so,) = in_words([message])
    assert str(told_so.content).startswith(words)
    assert message.content == [part]


def test_only_results_of_tools_are_put_into_words() -> None:
    message = Message(role="user", content=[TEXT, IMAGE])
    assert in_words([message]) == [message]


def test_texts_of_a_result_share_its_bound() -> None:
    parts = [{"type": "text", "text": "x" * 8}, {"type": "text", "text": "y" * 8}]
    first, second = bounded(ToolResult(parts), 10).content
    assert first["text"] == "x" * 8
    assert second["text"] == "yy\n[cut: 6 more characters]"


def test_an_image_that_is_too_large_is_left_out() -> None:
    large = {
        "type": "image_url",
        "image_url": {"url": "data:image/png;base64," + "A" * MAX_RESULT_DATA},
    }
    kept, left_out = bounded(ToolResult([IMAGE, large])).content
    assert kept == IMAGE
    assert left_out["text"].endswith("it is too large to be shown]")


def test_parts_without_end_are_bounded() -> None:
    content = bounded(ToolResult([TEXT] * 5000)).content
    assert len(content) == 101
    assert content[-1]["text"] == "[4900 more parts are left out]"
