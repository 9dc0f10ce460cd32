"""The clients' settings, and what they do with our own server's ``/api/*``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

import pytest
from pydantic import BaseModel

from cloud.llm.ollama.async_client import AsyncOllamaClient
from cloud.llm.ollama.client import OllamaClient
from cloud.llm.ollama.models import (
    OLLAMA_DEFAULT_MODEL,
    OLLAMA_RECOMMENDED_MODELS,
    get_default_model,
    get_recommended_models,
)
from LLM.exceptions import LLMAuthError, LLMConfigError, LLMConnectionError
from tests.cloud.ollama.wire import whole
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

Twin = Callable[..., Any]
CLIENTS = [OllamaClient, AsyncOllamaClient]
HELLO = [{"role": "user", "content": "Hello!"}]


class Town(BaseModel):
    name: str


@pytest.mark.parametrize("kind", CLIENTS)
def test_settings_begin_with_model_address_timeout_and_retries(kind: type[OllamaClient]) -> None:
    config = kind("m", "http://gpu-box:1", 5.0, 1).config
    assert (config.model, config.base_url) == ("m", "http://gpu-box:1")
    assert (config.timeout, config.max_retries) == (5.0, 1)


@pytest.mark.parametrize("kind", CLIENTS)
def test_settings_suit_a_server_on_this_machine(kind: type[OllamaClient]) -> None:
    config = kind().config
    assert (config.model, config.base_url) == ("qwen2.5:3b", "http://127.0.0.1:11434")
    assert (config.timeout, config.max_retries, config.api_key) == (300.0, 0, None)


@pytest.mark.parametrize("kind", CLIENTS)
def test_address_comes_from_the_environment_and_the_key_does_not(
    kind: type[OllamaClient], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box")
    monkeypatch.setenv("OLLAMA_API_KEY", "sk-secret-1234")
    assert kind().config.base_url == "http://gpu-box:11434"
    assert kind().config.api_key is None
    found = kind.from_env(model="m")
    assert (found.config.base_url, found.config.model) == ("http://gpu-box:11434", "m")
    assert found.config.api_key == "sk-secret-1234"
    assert "sk-secret" not in repr(found)
    assert kind.from_env(base_url="http://other").config.api_key is None


def test_bad_address_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OLLAMA_HOST", "gpu-box:http")
    with pytest.raises(LLMConfigError, match="OLLAMA_HOST is 'gpu-box:http'"):
        OllamaClient()


def test_twins_have_the_same_methods() -> None:
    def signatures(kind: type) -> dict[str, Any]:
        methods = inspect.getmembers(kind, inspect.isfunction)
        return {
            name: [(p.name, p.kind, p.default) for p in inspect.signature(one).parameters.values()]
            for name, one in methods
            if not name.startswith("_")
        }

    assert signatures(OllamaClient) == signatures(AsyncOllamaClient)


def test_recommended_models_are_a_copy() -> None:
    found = get_recommended_models()
    assert found == OLLAMA_RECOMMENDED_MODELS
    found["qwen2.5:3b"]["size"] = "0"
    found.clear()
    assert OLLAMA_RECOMMENDED_MODELS["qwen2.5:3b"]["size"] == "1.9GB"
    assert get_default_model() == OLLAMA_DEFAULT_MODEL
    assert OLLAMA_DEFAULT_MODEL in OLLAMA_RECOMMENDED_MODELS


@pytest.mark.parametrize("end", ["", "/", "/v1", "/api/"])
def test_calls_go_to_one_path_whatever_was_pasted(
    twin: Twin, serve: Callable[..., ScriptedServer], end: str
) -> None:
    server = serve(wire.answer(whole("Hi!")))
    assert twin(lambda c: c.chat(HELLO), base_url=server.url + end).content == "Hi!"
    assert (server.requests[0].method, server.requests[0].path) == ("POST", "/api/chat")
    assert "authorization" not in server.requests[0].headers


def test_call_says_when_nothing_listens(twin: Twin) -> None:
    with pytest.raises(LLMConnectionError, match="nothing listens"):
        twin(lambda c: c.chat(HELLO), base_url="http://127.0.0.1:9")


def test_our_own_server_chats(twin: Twin, local_server_url: str) -> None:
    settings: dict[str, Any] = {"base_url": local_server_url, "model": "tiny"}
    response = twin(lambda c: c.chat(HELLO, temperature=0, max_tokens=8), **settings)
    assert response.content
    assert response.model.startswith("tiny")
    assert response.finish_reason in ("stop", "length")
    assert response.raw["eval_count"] == response.output_tokens > 0
    assert response.total_tokens == response.input_tokens + response.output_tokens
    streamed = twin(lambda c: c.events(HELLO, temperature=0, max_tokens=8).response, **settings)
    assert (streamed.content, streamed.usage) == (response.content, response.usage)


def test_our_own_server_calls_tools(twin: Twin, local_server_url: str) -> None:
    parameters = {"type": "object", "properties": {"city": {"type": "string"}}}
    tool = {"name": "get_weather", "description": "Tell the weather.", "parameters": parameters}
    turns: list[Any] = [{"role": "user", "content": "What is the weather in Paris?"}]

    def ask(client: Any) -> Any:
        return client.chat(turns, tools=[tool], temperature=0)

    settings: dict[str, Any] = {"base_url": local_server_url, "model": "tiny"}
    response = twin(ask, **settings)
    assert response.finish_reason == "tool_calls"
    assert [call.name for call in response.tool_calls] == ["get_weather"]
    assert "city" in response.tool_calls[0].arguments
    turns += [
        response.to_message(),
        {"role": "tool", "tool_call_id": response.tool_calls[0].id, "content": {"sky": "clear"}},
    ]
    assert twin(ask, **settings).content


def test_our_own_server_fills_a_form(twin: Twin, local_server_url: str) -> None:
    response = twin(
        lambda c: c.chat(HELLO, response_format=Town, temperature=0, max_tokens=64),
        base_url=local_server_url,
        model="tiny",
    )
    assert isinstance(response.parsed, Town)


def test_our_own_server_lists_its_models(twin: Twin, local_server_url: str) -> None:
    settings: dict[str, Any] = {"base_url": local_server_url, "model": "tiny"}
    assert twin(lambda c: c.is_available(), **settings)
    assert twin(lambda c: c.list_models(), **settings) == ["tiny"]
    assert twin(lambda c: c.has_model(), **settings)
    assert twin(lambda c: c.ensure_model(), **settings)
    assert not twin(lambda c: c.has_model("tiny:3b"), **settings)
    assert "completion" in twin(lambda c: c.show_model(), **settings)["capabilities"]
    assert isinstance(twin(lambda c: c.loaded_models(), **settings), list)


def test_our_own_server_downloads_nothing(twin: Twin, local_server_url: str) -> None:
    with pytest.raises(LLMAuthError, match="not over HTTP; download it there"):
        twin(lambda c: c.pull_model("llama3.2"), base_url=local_server_url)
