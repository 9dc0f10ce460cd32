"""Addresses that speak OpenAI's language, from the lockfile and from `register_provider`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from llmring import LLMRing
from llmring.exceptions import (
    ConfigurationError,
    ProviderNotFoundError,
    ProviderRequestError,
    ValidationError,
)
from llmring.providers.openai.provider import CompatibleProvider
from tests.llmring.providers.asked import call_of
from tests.llmring.rings import request, sent
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

MARK = {"cache_control": {"type": "ephemeral"}}
LOCKFILE = """
version = "1.0"
[providers.fast-host]
base_url = "{url}"
api_key_env = "FAST_HOST_KEY"
[providers.own]
base_url = "{url}/v1"
[profiles.default]
name = "default"
[[profiles.default.bindings]]
alias = "fast"
models = ["fast-host:llama-9", "own:tiny"]
"""


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer((wire.answer(wire.CHAT),)) as server:
        yield server


@pytest.fixture
def ring(server: ScriptedServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> LLMRing:
    monkeypatch.delenv("FAST_HOST_KEY", raising=False)
    path = tmp_path / "llmring.lock"
    path.write_text(LOCKFILE.format(url=server.url))
    return LLMRing(lockfile_path=path)


def ask(ring: LLMRing, model: str, **fields: Any) -> Any:
    async def run() -> Any:
        async with ring:
            return await ring.chat(request(model, **fields))

    return asyncio.run(run())


def test_an_address_of_the_lockfile_is_asked_with_its_key(
    ring: LLMRing, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FAST_HOST_KEY", "fh-1234")
    answer = ask(ring, "fast")
    (asked,) = server.requests
    assert (answer.content, answer.model) == ("Hello!", "fast-host:llama-9")
    assert asked.path == "/v1/chat/completions"
    assert asked.headers["authorization"] == "Bearer fh-1234"


def test_an_address_without_its_key_is_passed_over(ring: LLMRing, server: ScriptedServer) -> None:
    answer = ask(ring, "fast")
    assert answer.model == "own:tiny"
    assert "authorization" not in server.requests[0].headers
    assert answer.attempts[0] == {
        "model": "fast-host:llama-9",
        "outcome": "unavailable",
        "reason": "FAST_HOST_KEY is not set",
    }


@pytest.mark.parametrize("name", ["fast-host", "FAST-HOST"])
def test_an_address_that_is_named_without_its_key_is_an_error(ring: LLMRing, name: str) -> None:
    with pytest.raises(ConfigurationError, match="'fast-host' of the lockfile has no key; set FA"):
        ring.get_provider(name)
    with pytest.raises((ConfigurationError, ProviderNotFoundError), match="FAST_HOST_KEY"):
        ask(ring, f"{name}:llama-9")


def test_a_key_that_is_set_later_is_found(
    ring: LLMRing, server: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ConfigurationError, match="has no key"):
        ring.get_provider("fast-host")
    monkeypatch.setenv("FAST_HOST_KEY", "fh-1234")
    assert ask(ring, "fast-host:llama-9").content == "Hello!"


def test_a_changed_address_is_taken_at_once(ring: LLMRing, server: ScriptedServer) -> None:
    first = ring.get_provider("own")
    path = Path(ring.lockfile.name)
    path.write_text(path.read_text().replace("/v1", "/openai/v1"))
    assert ring.get_provider("own") is not first
    ask(ring, "own:tiny")
    assert server.requests[0].path == "/openai/v1/chat/completions"


def test_an_address_can_be_registered(ring: LLMRing, server: ScriptedServer) -> None:
    ring.register_provider(
        "Groq", base_url=server.url + "/openai/v1", api_key="gq-1234", headers={"X-Team": "blue"}
    )
    assert ask(ring, "groq:llama-9").model == "groq:llama-9"
    (asked,) = server.requests
    assert asked.path == "/openai/v1/chat/completions"
    assert asked.headers["authorization"] == "Bearer gq-1234"
    assert asked.headers["x-team"] == "blue"


def test_a_new_name_needs_an_address(ring: LLMRing) -> None:
    with pytest.raises(ProviderNotFoundError, match=r"unknown provider 'groq'.*base_url=…"):
        ring.register_provider("groq", api_key="gq-1234")


def test_a_setting_that_there_is_not_is_named(ring: LLMRing) -> None:
    with pytest.raises(ConfigurationError, match="'apikey'; did you mean 'api_key'") as caught:
        ring.register_provider("groq", base_url="http://127.0.0.1:9", apikey="gq-1234")
    assert "gq-1234" not in str(caught.value)


@pytest.mark.parametrize("model", ["llama-9", "o3", "gpt-5.1"])
def test_limits_and_temperature_are_sent_as_they_are(
    ring: LLMRing, server: ScriptedServer, model: str
) -> None:
    ask(ring, f"own:{model}", max_tokens=9, temperature=0.5, extra_params={"min_p": 0.1})
    body = sent(server)
    assert body.pop("messages") == [{"role": "user", "content": "Hello!"}]
    assert body == {"model": model, "max_tokens": 9, "temperature": 0.5, "min_p": 0.1}


@pytest.mark.parametrize("reasoning_tokens", [0, 2000])
def test_tokens_of_thought_have_no_common_form(
    ring: LLMRing, server: ScriptedServer, reasoning_tokens: int
) -> None:
    with pytest.raises(ValidationError, match="reasoning_tokens has no form at 'own'"):
        ask(ring, "own:tiny", reasoning_tokens=reasoning_tokens)
    assert server.requests == []


def test_markers_of_parts_stay_for_servers_that_know_them(ring: LLMRing) -> None:
    part = {"type": "text", "text": "Long.", **MARK}
    provider = ring.get_provider("own")
    assert isinstance(provider, CompatibleProvider)
    call = call_of("own:tiny", messages=[{"role": "user", "content": [part], **MARK}])
    assert provider.messages(call) == [{"role": "user", "content": [part]}]


def test_the_models_of_an_address_are_listed(ring: LLMRing) -> None:
    with ScriptedServer((wire.answer(wire.MODELS),)) as server:
        ring.register_provider("own", base_url=server.url)
        assert asyncio.run(ring.get_provider("own").list_models()) == ["tiny"]
        assert server.requests[0].path == "/v1/models"


def test_a_refused_request_is_told_with_its_status(ring: LLMRing) -> None:
    refusal = wire.answer({"error": {"message": "min_p is odd", "type": "x"}}, 400)
    with ScriptedServer((refusal,)) as server:
        ring.register_provider("own", base_url=server.url, api_key="ow-1234")
        with pytest.raises(ProviderRequestError, match="min_p is odd") as caught:
            ask(ring, "own:tiny")
    assert caught.value.status_code == 400


@pytest.mark.parametrize("name", ["openai", "anthropic", "google", "ollama", "groq"])
@pytest.mark.parametrize("setting", ["max_retries", "retry_policy"])
def test_no_provider_makes_tries_of_its_own(ring: LLMRing, name: str, setting: str) -> None:
    settings: dict[str, Any] = {"base_url": "http://127.0.0.1:9", setting: 3}
    with pytest.raises(ConfigurationError, match=f"{setting} is not a provider's.*LLMRING_RETRY"):
        ring.register_provider(name, **settings)
