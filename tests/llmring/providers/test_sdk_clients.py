"""The official SDKs' clients that OpenAI's, Google's and compatible providers hand out."""

from __future__ import annotations

import asyncio
import gc
import sys
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from llmring import LLMRing
from llmring.exceptions import ConfigurationError
from tests.llmring.rings import KEY, with_ring
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

pytestmark = pytest.mark.slow

MESSAGES: Any = [{"role": "user", "content": "Hello"}]
GEMINI = {
    "candidates": [
        {"content": {"role": "model", "parts": [{"text": "Hello!"}]}, "finishReason": "STOP"}
    ],
    "usageMetadata": {"promptTokenCount": 3, "candidatesTokenCount": 2, "totalTokenCount": 5},
}
# google-genai's own habit, at each of its clients for coroutines.
no_habit_of_googles = pytest.mark.filterwarnings(
    "ignore:Inheritance class AiohttpClientSession:DeprecationWarning"
)


@pytest.fixture
def openai_server() -> Iterator[ScriptedServer]:
    with ScriptedServer((lambda request: _openai(request),)) as server:
        yield server


@pytest.fixture
def gemini_server() -> Iterator[ScriptedServer]:
    with ScriptedServer((wire.answer(GEMINI),)) as server:
        yield server


def answering(provider: str) -> ScriptedServer:
    """A server that answers as the provider does."""
    return ScriptedServer((wire.answer(wire.CHAT if provider == "openai" else GEMINI),))


async def use_client(ring: LLMRing, provider: str) -> None:
    """Ask by the provider's SDK, in coroutines."""
    client = ring.get_provider(provider).client
    if provider == "openai":
        await client.chat.completions.create(model="m", messages=MESSAGES)
    else:
        await client.aio.models.generate_content(model="m", contents="Hello")


def _openai(request: Any) -> bytes:
    streamed = b'"stream":true' in request.body.replace(b" ", b"")
    return wire.stream_answer(wire.CHAT_EVENTS) if streamed else wire.answer(wire.CHAT)


@pytest.mark.parametrize("provider", ["openai", "groq"])
def test_openais_client_asks_the_same_address_with_the_same_key(
    openai_server: ScriptedServer, provider: str
) -> None:
    async def use(ring: LLMRing) -> Any:
        client = ring.get_provider(provider).client
        assert client is ring.get_provider(provider).client
        return await client.chat.completions.create(
            model="gpt-4o", messages=MESSAGES, logprobs=True, top_logprobs=10
        )

    answer = with_ring(openai_server, provider, use)
    (request,) = openai_server.requests
    assert answer.choices[0].message.content == "Hello!"
    assert request.path == "/v1/chat/completions"
    assert request.headers["authorization"] == f"Bearer {KEY}"


@pytest.mark.parametrize("copied", [False, True], ids=["the client", "a copy"])
def test_headers_of_openais_account_go_to_no_other_address(
    openai_server: ScriptedServer, monkeypatch: pytest.MonkeyPatch, copied: bool
) -> None:
    for name, value in {
        "OPENAI_ORG_ID": "sk-org",
        "OPENAI_PROJECT_ID": "sk-project",
        "OPENAI_CUSTOM_HEADERS": "X-Gateway: sk-gateway\nauthorization: Bearer sk-other",
    }.items():
        monkeypatch.setenv(name, value)

    async def use(ring: LLMRing) -> None:
        client = ring.get_provider("groq").client
        client = client.with_options(max_retries=0) if copied else client
        await client.chat.completions.create(model="m", messages=MESSAGES)

    with_ring(openai_server, "groq", use)
    headers = openai_server.requests[0].headers
    assert [value for value in headers.values() if "sk-" in value] == [f"Bearer {KEY}"]


def test_threads_share_one_client() -> None:
    ring = LLMRing()
    ring.register_provider("own", base_url="http://127.0.0.1:9")
    start, found = threading.Barrier(8), []

    def get() -> None:
        start.wait()
        found.append(ring.get_provider("own").client)

    threads = [threading.Thread(target=get) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(client) for client in found}) == 1
    asyncio.run(ring.close())


def test_openais_client_streams(openai_server: ScriptedServer) -> None:
    async def use(ring: LLMRing) -> str:
        client = ring.get_provider("openai").client
        stream = await client.chat.completions.create(model="m", messages=MESSAGES, stream=True)
        return "".join([c.choices[0].delta.content or "" async for c in stream if c.choices])

    assert with_ring(openai_server, "openai", use) == "Hello!"


@no_habit_of_googles
@pytest.mark.parametrize("path", ["", "/v1", "/v1/account/gateway"])
def test_googles_client_asks_what_the_ring_asks(gemini_server: ScriptedServer, path: str) -> None:
    async def use(ring: LLMRing) -> Any:
        ring.register_provider("google", api_key=KEY, base_url=gemini_server.url + path)
        client = ring.get_provider("google").client
        await ring.chat("google:gemini-2.5-flash", messages=MESSAGES)
        one = client.models.generate_content(model="gemini-2.5-flash", contents="Hello")
        other = await client.aio.models.generate_content(model="gemini-2.5-flash", contents="Hi")
        return one.text, other.text

    assert with_ring(gemini_server, "google", use) == ("Hello!", "Hello!")
    asked = [(r.path, r.headers["x-goog-api-key"]) for r in gemini_server.requests]
    assert asked[0] == asked[1] == asked[2]
    assert asked[0] == (f"{path or '/v1beta'}/models/gemini-2.5-flash:generateContent", KEY)


@no_habit_of_googles
@pytest.mark.parametrize("provider", ["openai", "google"])
def test_clients_send_the_headers_of_the_settings(provider: str) -> None:
    async def use(ring: LLMRing) -> None:
        ring.register_provider(provider, base_url=server.url, headers={"X-Team": "blue"})
        await use_client(ring, provider)

    with answering(provider) as server:
        with_ring(server, provider, use)
        assert server.requests[0].headers["x-team"] == "blue"


@no_habit_of_googles
@pytest.mark.parametrize(
    ("provider", "variable", "header"),
    [
        ("openai", "OPENAI_API_KEY", "authorization"),
        ("google", "GEMINI_API_KEY", "x-goog-api-key"),
        ("google", "GOOGLE_API_KEY", "x-goog-api-key"),
    ],
)
def test_no_key_of_the_environment_goes_to_a_foreign_address(
    provider: str, variable: str, header: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "sk-SECRET")

    async def use(ring: LLMRing) -> None:
        ring.register_provider(provider, base_url=server.url)
        await use_client(ring, provider)

    with answering(provider) as server:
        with_ring(server, provider, use)
        assert "SECRET" not in server.requests[0].headers[header]


@pytest.mark.parametrize("variable", ["GOOGLE_GENAI_USE_VERTEXAI", "GOOGLE_GENAI_USE_ENTERPRISE"])
def test_googles_client_stays_with_gemini(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "true")

    async def use(ring: LLMRing) -> bool:
        return bool(ring.get_provider("google").client.vertexai)

    with ScriptedServer((b"",)) as server:
        assert with_ring(server, "google", use) is False


@no_habit_of_googles
@pytest.mark.parametrize("provider", ["openai", "google"])
def test_clients_are_closed_with_the_ring(provider: str) -> None:
    with answering(provider) as server:
        with_ring(server, provider, lambda ring: use_client(ring, provider))
        gc.collect()  # an open socket would warn here, which is an error


@pytest.mark.filterwarnings("ignore:unclosed:ResourceWarning")
@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning")
@no_habit_of_googles
@pytest.mark.parametrize("provider", ["openai", "google"])
def test_a_ring_closes_after_the_loop_that_its_client_was_used_in(provider: str) -> None:
    ring = LLMRing()
    with answering(provider) as server:
        ring.register_provider(provider, base_url=server.url)
        asyncio.run(use_client(ring, provider))
        asyncio.run(ring.close())
        gc.collect()  # the connection, which its loop has left open
        assert len(server.requests) == 1


@pytest.mark.parametrize(
    ("provider", "module", "extra"),
    [("openai", "openai", "openai"), ("google", "google.genai", "google")],
)
def test_a_missing_sdk_says_what_to_install(
    provider: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, module, None)
    ring = LLMRing()
    ring.register_provider(provider, base_url="http://127.0.0.1:9")
    with pytest.raises(ConfigurationError, match=rf"{module} is not installed.*'\.\[{extra}\]'"):
        ring.get_provider(provider).client  # noqa: B018  # the access is what fails
