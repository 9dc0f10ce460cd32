"""Anthropic's clients: where they call, with which headers, and how often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

import pytest
from pydantic import BaseModel

from cloud.llm import (
    AnthropicClient,
    AsyncAnthropicClient,
    LLMConfigError,
    LLMContentFilterError,
    LLMServerError,
)
from LLM.secrets import Secret
from tests.cloud.anthropic import wire
from tests.cloud.anthropic.asked import KEY, USER
from tests.remote import wire as http
from tests.remote.scripted_server import ScriptedServer

HELLO = http.answer(wire.message(wire.text("Hello!")))
STREAMED = http.stream_answer(wire.stream(wire.message(wire.text("Hello!"))), 7)
OVERLOAD = http.answer(wire.error("overloaded_error", "Overloaded"), 529)


class City(BaseModel):
    name: str


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer((HELLO,)) as server:
        yield server


@pytest.fixture(autouse=True)
def _no_sleep(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(time, "sleep", lambda seconds: None)


def test_call_goes_to_messages_with_key_and_version(server: ScriptedServer) -> None:
    client = AnthropicClient(api_key=KEY, base_url=server.url)
    assert client.chat([USER]).content == "Hello!"
    (request,) = server.requests
    assert (request.method, request.path) == ("POST", "/v1/messages")
    assert request.headers["x-api-key"] == KEY
    assert request.headers["anthropic-version"] == "2023-06-01"
    assert "authorization" not in request.headers


def test_headers_of_the_client_add_betas_and_choose_the_version(server: ScriptedServer) -> None:
    headers = {"Anthropic-Beta": "context-1m-2025-08-07", "Anthropic-Version": "2026-10-21"}
    AnthropicClient(api_key=KEY, base_url=server.url, headers=headers).chat([USER])
    sent = server.requests[0].headers
    assert sent["anthropic-beta"] == "context-1m-2025-08-07"
    assert sent["anthropic-version"] == "2026-10-21"


def test_stream_gives_text_usage_and_the_answer(server: ScriptedServer) -> None:
    server.scripts = (STREAMED,)
    stream = AnthropicClient(api_key=KEY, base_url=server.url).chat_stream([USER])
    assert "".join(stream) == "Hello!"
    assert stream.response.finish_reason == "stop"
    assert stream.usage is not None
    assert stream.usage.total_tokens == 40


def test_twin_for_coroutines_gives_the_same(server: ScriptedServer) -> None:
    from cloud import close_all_cloud_clients

    async def both() -> tuple[str, str]:
        async with AsyncAnthropicClient(api_key=KEY, base_url=server.url) as client:
            whole = await client.chat([USER])
            server.scripts = (STREAMED,)
            pieces = [piece async for piece in client.chat_stream([USER])]
        await close_all_cloud_clients()
        return whole.content, "".join(pieces)

    assert asyncio.run(both()) == ("Hello!", "Hello!")


def test_overload_is_tried_again(server: ScriptedServer) -> None:
    server.scripts = (OVERLOAD, OVERLOAD, HELLO)
    client = AnthropicClient(api_key=KEY, base_url=server.url, max_retries=2)
    assert client.chat([USER]).content == "Hello!"
    assert len(server.requests) == 3


def test_error_in_mid_stream_is_not_tried_again(server: ScriptedServer) -> None:
    error = wire.event(wire.error("overloaded_error", "Overloaded"))
    text = wire.block(0, wire.text("Hel"))
    server.scripts = (http.stream_answer(wire.start(wire.message()) + text + error),)
    stream = AnthropicClient(api_key=KEY, base_url=server.url).chat_stream([USER])
    with pytest.raises(LLMServerError, match="Overloaded"):
        list(stream)
    assert stream.text == "Hel"
    assert len(server.requests) == 1


def test_pydantic_class_gives_its_object(server: ScriptedServer) -> None:
    server.scripts = (http.answer(wire.message(wire.text('{"name": "Oslo"}'))),)
    client = AnthropicClient(api_key=KEY, base_url=server.url)
    assert client.chat([USER], response_format=City).parsed == City(name="Oslo")


def test_filtered_answer_is_no_object(server: ScriptedServer) -> None:
    server.scripts = (http.answer(wire.message(wire.text('{"na'), stop="refusal")),)
    client = AnthropicClient(api_key=KEY, base_url=server.url)
    with pytest.raises(LLMContentFilterError, match="no City"):
        client.chat([USER], response_format=City)


def test_anthropics_own_address_wants_a_key() -> None:
    with pytest.raises(LLMConfigError, match="ANTHROPIC_API_KEY"):
        AnthropicClient()


def test_from_env_takes_key_and_address(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", "http://127.0.0.1:1")
    client = AnthropicClient.from_env()
    assert client.config.api_key == Secret(KEY)
    assert client.config.base_url == "http://127.0.0.1:1"
    assert KEY not in repr(client)
    assert client.model == "claude-sonnet-5-5"
