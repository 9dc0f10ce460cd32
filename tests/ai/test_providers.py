"""`get_provider`: which client stands behind a name, with which key, and that it answers."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from typing import Any

import pytest

import cloud.llm
from ai.ai_agents.providers import PROVIDERS, Provider, get_provider, list_providers
from cloud.llm import LLMAuthError, LLMConfigError, TextDelta
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

MESSAGES = [{"role": "user", "content": "Hello?"}]
VARIABLES = {
    "anthropic": ["ANTHROPIC_API_KEY"],
    "gemini": ["GOOGLE_GEMINI_API_KEY", "GEMINI_API_KEY", "GOOGLE_API_KEY"],
    "groq": ["GROQ_API_KEY"],
    "openai": ["OPENAI_API_KEY"],
}


@pytest.fixture(autouse=True)
def no_keys(monkeypatch: pytest.MonkeyPatch) -> None:
    """No key of the machine."""
    for name in sum(VARIABLES.values(), ["ANTHROPIC_BASE_URL", "OLLAMA_BASE_URL"]):
        monkeypatch.delenv(name, raising=False)


def scripted(answer: bytes) -> ScriptedServer:
    return ScriptedServer((answer,))


def openai_at(server: ScriptedServer, **settings: Any) -> Provider:
    return get_provider("openai", api_key="sk-key-1234", base_url=server.url, **settings)


@pytest.mark.parametrize(
    ("name", "client", "base_url", "model"),
    [
        ("anthropic", "AsyncAnthropicClient", "https://api.anthropic.com", None),
        ("gemini", "AsyncGeminiClient", "https://generativelanguage.googleapis.com", None),
        ("groq", "AsyncOpenAICompatClient", "https://api.groq.com/openai/v1",
         "llama-3.3-70b-versatile"),
        ("ollama", "AsyncOllamaClient", "http://", "qwen2.5:3b"),
        ("openai", "AsyncOpenAICompatClient", "https://api.openai.com/v1", "gpt-4o"),
    ],
    ids=["anthropic", "gemini", "groq", "ollama", "openai"],
)  # fmt: skip
def test_a_name_means_a_client_an_address_and_a_model(
    name: str, client: str, base_url: str, model: str | None
) -> None:
    provider = get_provider(name, api_key="sk-key-1234")
    assert type(provider.client) is getattr(cloud.llm, client)
    assert provider.client.config.base_url.startswith(base_url)
    assert provider.model == model or (model is None and provider.model)
    assert provider.name == name


def test_every_provider_is_listed() -> None:
    assert list_providers() == ["anthropic", "gemini", "groq", "ollama", "openai"]
    assert set(list_providers()) == set(PROVIDERS)


def test_a_model_and_settings_go_to_the_client() -> None:
    provider = get_provider("Groq", "gsk-key-1234", "llama-3.1-8b-instant", timeout=7)
    assert (provider.name, provider.model) == ("groq", "llama-3.1-8b-instant")
    assert provider.client.config.timeout == 7


@pytest.mark.parametrize(
    ("name", "variable"), [(name, one) for name in VARIABLES for one in VARIABLES[name]]
)
def test_without_a_key_the_providers_variable_is_read(
    name: str, variable: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(variable, "key-of-the-environment")
    assert get_provider(name).client.config.api_key == "key-of-the-environment"


def test_a_given_key_wins_over_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GROQ_API_KEY", "key-of-the-environment")
    assert get_provider("groq", api_key="gsk-given").client.config.api_key == "gsk-given"


@pytest.mark.parametrize("name", VARIABLES)
def test_no_key_anywhere_is_an_error_that_names_the_variable(name: str) -> None:
    with pytest.raises(LLMConfigError, match=VARIABLES[name][0]):
        get_provider(name)


def test_ollama_needs_no_key() -> None:
    assert get_provider("ollama").client.config.api_key is None


def test_the_key_of_openai_does_not_go_to_groq(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-of-openai")
    with pytest.raises(LLMConfigError, match="GROQ_API_KEY"):
        get_provider("groq")


@pytest.mark.parametrize("name", VARIABLES)
def test_a_key_of_the_environment_goes_to_no_given_address(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for variable in VARIABLES[name]:
        monkeypatch.setenv(variable, "key-of-the-environment")
    provider = get_provider(name, base_url="http://127.0.0.1:9")
    assert provider.client.config.api_key is None


@pytest.mark.parametrize("empty", ["api_key", "model", "base_url"])
def test_an_empty_setting_is_refused(empty: str) -> None:
    with pytest.raises(LLMConfigError, match=empty):
        get_provider("groq", **{"api_key": "gsk-1234", empty: ""})


@pytest.mark.parametrize(
    ("name", "hint"),
    [("opnai", "did you mean 'openai'"), ("Claude", "there are anthropic, "), (None, "None")],
)
def test_an_unknown_name_is_an_error_that_helps(name: Any, hint: str) -> None:
    with pytest.raises(LLMConfigError, match=hint) as caught:
        get_provider(name)
    assert "unknown provider" in caught.value.message


def test_a_key_is_not_printed() -> None:
    provider = get_provider("openai", api_key="sk-key-1234")
    assert "sk-key-1234" not in f"{provider} {provider!r} {vars(provider)}"
    assert "gpt-4o" in repr(provider)


def test_run_answers() -> None:
    async def main() -> str:
        async with openai_at(server) as provider:
            return (await provider.run(MESSAGES, temperature=0.0)).content

    with scripted(wire.answer(wire.CHAT)) as server:
        assert asyncio.run(main()) == "Hello!"
    assert json.loads(server.bodies[0])["temperature"] == 0.0
    assert server.requests[0].headers["authorization"] == "Bearer sk-key-1234"


def test_run_sends_tools() -> None:
    tools = [{"name": "look_up", "parameters": {"type": "object"}}]
    with scripted(wire.answer(wire.CHAT)) as server:
        asyncio.run(openai_at(server).run(MESSAGES, tools=tools))
    assert json.loads(server.bodies[0])["tools"][0]["function"]["name"] == "look_up"


def test_stream_gives_text() -> None:
    async def main() -> list[str]:
        return [text async for text in openai_at(server).stream(MESSAGES)]

    with scripted(wire.stream_answer(wire.CHAT_EVENTS)) as server:
        assert asyncio.run(main()) == ["Hel", "lo!"]


def test_events_tell_all_that_happens() -> None:
    async def main() -> list[Any]:
        return [event async for event in openai_at(server).events(MESSAGES)]

    with scripted(wire.stream_answer(wire.CHAT_EVENTS)) as server:
        events = asyncio.run(main())
    assert TextDelta("lo!") in events
    assert events[-1].type == "usage"


def test_errors_of_the_client_come_through() -> None:
    with (
        scripted(wire.answer({"error": {"message": "no"}}, 401)) as server,
        pytest.raises(LLMAuthError),
    ):
        asyncio.run(openai_at(server).run(MESSAGES))


def test_importing_loads_no_http_library() -> None:
    code = (
        "import sys; import ai.ai_agents.providers; "
        "print({'aiohttp', 'requests', 'pydantic'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
