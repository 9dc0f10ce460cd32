"""What an Ollama server's models can do: asked once, kept, and learned from refusals."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest

from LLM import InvalidRequestError, LLMTimeoutError
from llmring.exceptions import ModelNotFoundError
from llmring.providers.base import ProviderCall
from llmring.providers.ollama import models
from llmring.providers.ollama.models import Capabilities, capabilities_in
from llmring.providers.ollama.provider import OllamaProvider
from tests.llmring.providers.ollama_server import (
    CALL,
    PARIS,
    USER,
    WEATHER,
    Ollama,
    answer,
    both,
    call,
    calls_of,
    with_provider,
)
from tests.remote import wire
from tests.remote.scripted_server import hang


def test_what_a_model_can_do_is_asked_once_however_many_ask() -> None:
    server = Ollama(can=["completion", "tools"])

    async def ask(provider: OllamaProvider) -> None:
        await asyncio.gather(*[provider.chat(call(tools=[WEATHER])) for _ in range(5)])
        await provider.chat(call(tools=[WEATHER]))

    with_provider(server, ask)
    assert server.asked.count("/api/show") == 1


def test_what_is_kept_of_models_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(models, "MAX_MODELS", 2)
    server = Ollama(can=["completion", "tools"])

    async def ask(provider: OllamaProvider) -> None:
        for model in ("a", "b", "c", "c", "b", "a"):
            await provider.chat(ProviderCall(model, [USER], 5.0, tools=[WEATHER]))

    with_provider(server, ask)
    assert server.asked.count("/api/show") == 4  # the oldest goes


def test_a_model_that_has_gone_is_asked_about_anew() -> None:
    server = Ollama(can=["completion", "tools"], refuses="model 'm' not found")

    async def ask(provider: OllamaProvider) -> None:
        for _ in range(2):
            with pytest.raises(ModelNotFoundError):
                await provider.chat(call(tools=[WEATHER]))

    with_provider(server, ask)
    assert server.asked == ["/api/show", "/api/chat"] * 2


@both
def test_a_model_whose_tools_are_refused_is_told_of_them_from_then_on(streamed: bool) -> None:
    refusal = "registry.ollama.ai/library/m:latest does not support tools"
    server = Ollama(CALL, can=["completion", "tools"], refuses=refusal)

    async def ask(provider: OllamaProvider) -> list[Any]:
        asked = call(tools=[WEATHER])
        first = await (provider.stream(asked).response if streamed else provider.chat(asked))
        return [first, await provider.chat(asked)]

    assert [calls_of(found) for found in with_provider(server, ask)] == [PARIS, PARIS]
    assert server.asked == ["/api/show", *["/api/chat"] * 3]
    assert ["tools" in body for body in server.bodies] == [True, False, False]


@both
def test_another_refusal_of_tools_is_the_callers(streamed: bool) -> None:
    server = Ollama(can=["completion", "tools"], refuses="tool 0 is no good")
    with pytest.raises(InvalidRequestError, match="tool 0 is no good"):
        answer(server, call(tools=[WEATHER]), streamed=streamed)


@both
@pytest.mark.parametrize("tools", [None, [WEATHER]], ids=["chat", "show"])
def test_a_model_that_is_not_there_is_told_with_how_to_get_it(streamed: bool, tools: Any) -> None:
    missing = wire.answer({"error": "model 'm; ls' not found"}, 404)
    asked = ProviderCall("m; ls", [USER], 5.0, tools=tools)
    with pytest.raises(ModelNotFoundError, match=r"no model 'm; ls'; .*ollama pull 'm; ls'$") as e:
        answer(missing, asked, streamed=streamed)
    assert (e.value.status_code, e.value.model) == (404, "m; ls")
    assert e.value.root_cause is not e.value


def test_a_server_that_does_not_tell_what_a_model_can_do_is_a_timeout() -> None:
    with pytest.raises(
        LLMTimeoutError, match=r"did not tell what the model 'm' can do within 0\.05"
    ):
        answer([hang], call(tools=[WEATHER], timeout_s=0.05))


@pytest.mark.parametrize(
    ("facts", "wanted"),
    [
        ({"capabilities": ["completion", "tools", "thinking"]}, Capabilities(True, True)),
        ({"capabilities": ["completion"], "template": ".Tools"}, Capabilities(False, False)),
        ({"template": "{{ if .Tools }}"}, Capabilities(True, False)),
        ({"template": "{{ .Prompt }}"}, Capabilities(False, False)),
        ({}, Capabilities(False, False)),
    ],
    ids=["all", "none", "older with", "older without", "nothing"],
)
def test_what_a_model_can_do_is_read(facts: dict[str, Any], wanted: Capabilities) -> None:
    assert capabilities_in(facts) == wanted


THINKS = ["completion", "thinking"]
THOUGHTS: dict[str, tuple[dict[str, Any], list[str], Any, Any]] = {
    "a model that can": ({"reasoning_tokens": 50, "max_tokens": 10}, THINKS, True, 60),
    "no bound of the answer": ({"reasoning_tokens": 50}, THINKS, True, None),
    "a model that cannot": ({"reasoning_tokens": 50, "max_tokens": 10}, ["completion"], None, 10),
    "none": ({"reasoning_tokens": 0, "max_tokens": 10}, THINKS, False, 10),
    "unsaid": ({"max_tokens": 10}, THINKS, None, 10),
    "the caller's own": ({"reasoning_tokens": 50, "extra": {"think": "low"}}, THINKS, "low", None),
    "effort": (
        {"reasoning_tokens": 5, "extra": {"reasoning_effort": "high"}},
        THINKS,
        "high",
        None,
    ),
}


@pytest.mark.parametrize("name", THOUGHTS)
def test_a_bound_of_thoughts_lets_a_model_think_if_it_can(name: str) -> None:
    fields, can, think, limit = THOUGHTS[name]
    server = Ollama(can=can)
    answer(server, call(**fields))
    body = server.bodies[0]
    assert (body.get("think"), body.get("options", {}).get("num_predict")) == (think, limit)


def test_the_servers_models_are_listed() -> None:
    tags = wire.answer({"models": [{"name": "llama3.2:latest", "model": "llama3.2:latest"}]})
    assert with_provider(tags, lambda provider: provider.list_models()) == ["llama3.2:latest"]
