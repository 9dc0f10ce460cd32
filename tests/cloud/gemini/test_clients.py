"""Gemini's clients over the wire."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from cloud.llm import AsyncGeminiClient, GeminiClient, LLMConfigError, LLMRateLimitError
from tests.cloud.gemini.answers import TOOLS
from tests.cloud.gemini.errors import A_DAY, A_MINUTE
from tests.cloud.gemini.wire import SIGNATURE, answer, call, stream, text
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

USER = {"role": "user", "content": "Hello!"}
GOOD = wire.answer(answer(text("Hello!")))
VARIABLES = ("GEMINI_API_KEY", "GOOGLE_API_KEY", "GOOGLE_GEMINI_API_KEY")


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep between tries, none of which is real."""
    slept: list[float] = []
    monkeypatch.setattr(time, "sleep", slept.append)
    return slept


def client(server: ScriptedServer, **settings: Any) -> GeminiClient:
    return GeminiClient(api_key="AIza-test-1234", base_url=server.url, **settings)


def test_the_key_travels_in_its_header_and_never_in_the_address() -> None:
    with ScriptedServer((GOOD,)) as server:
        assert client(server).chat([USER]).content == "Hello!"
    (request,) = server.requests
    assert request.path == "/v1beta/models/gemini-3.8-flash:generateContent"
    assert request.headers["x-goog-api-key"] == "AIza-test-1234"
    assert "authorization" not in request.headers


def test_a_conversation_with_a_tool_carries_its_signature_back() -> None:
    asked = answer(call("get_weather", {"location": "Paris"}, thoughtSignature=SIGNATURE))
    with ScriptedServer((wire.stream_answer(stream(asked)), GOOD)) as server:
        gemini = client(server)
        first = gemini.chat_stream([USER], **TOOLS).response
        result = {"role": "tool", "tool_call_id": first.tool_calls[0].id, "content": "sunny"}
        assert gemini.chat([USER, first.to_message(), result], **TOOLS).content == "Hello!"
    assert server.requests[0].path.endswith(":streamGenerateContent?alt=sse")
    assert SIGNATURE.encode() in server.bodies[1]
    assert b'"response":{"result":"sunny"}' in server.bodies[1]


def test_a_rate_limit_is_waited_for_as_long_as_google_asks(sleeps: list[float]) -> None:
    with ScriptedServer((wire.answer(A_MINUTE, 429), GOOD)) as server:
        assert client(server, jitter=0.0).chat([USER]).content == "Hello!"
    assert sleeps == [34.074824224]


def test_a_days_quota_is_not_waited_for(sleeps: list[float]) -> None:
    with (
        ScriptedServer((wire.answer(A_DAY, 429),)) as server,
        pytest.raises(LLMRateLimitError) as caught,
    ):
        client(server).chat([USER])
    assert caught.value.quota_exhausted
    assert (len(server.requests), sleeps) == (1, [])


def test_the_async_client_asks_the_same() -> None:
    async def ask(url: str) -> str:
        async with AsyncGeminiClient(api_key="AIza-test-1234", base_url=url) as gemini:
            pieces = [piece async for piece in gemini.chat_stream([USER], "models/other")]
        await close_all_cloud_clients()
        return "".join(pieces)

    with ScriptedServer((wire.stream_answer(stream(answer(text("Hello!")))),)) as server:
        assert asyncio.run(ask(server.url)) == "Hello!"
    (request,) = server.requests
    assert request.path == "/v1beta/models/other:streamGenerateContent?alt=sse"
    assert request.headers["x-goog-api-key"] == "AIza-test-1234"


@pytest.mark.parametrize("make", [GeminiClient, AsyncGeminiClient])
def test_googles_own_address_needs_a_key(make: Callable[[], Any]) -> None:
    with pytest.raises(LLMConfigError, match=" or ".join(VARIABLES)):
        make()


def test_the_first_key_of_the_environment_wins(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in reversed(VARIABLES):
        monkeypatch.setenv(name, f"key of {name}".replace(" ", "-"))
        assert GeminiClient.from_env().config.api_key == f"key-of-{name}"


def test_defaults_are_googles() -> None:
    gemini = GeminiClient(api_key="AIza-test-1234")
    assert repr(gemini) == (
        "GeminiClient(model='gemini-3.8-flash', "
        "base_url='https://generativelanguage.googleapis.com')"
    )
    assert gemini.codec.api_root == "https://generativelanguage.googleapis.com/v1beta"
