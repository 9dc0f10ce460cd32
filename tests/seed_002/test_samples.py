"""Every sample of the reference runs, unchanged, and does what it says."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from urllib.parse import urlsplit

import pytest

import cloud.llm.base
from cloud import close_all_cloud_clients
from cloud.llm import AsyncOpenAICompatClient, ChatResponse, ClientConfig
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer, hang
from tests.samples import Sample, python_samples
from tests.seed_002 import providers

pytestmark = pytest.mark.slow

PAGE = Path(__file__).parent / "samples.md"
SAMPLES = {sample.heading: sample for sample in python_samples(PAGE)}
MESSAGES = [{"role": "user", "content": "What is the weather in Paris?"}]

#: The addresses that a sample may call, each by its provider's name.
ADDRESSES = {
    "https://api.openai.com": "openai",
    "https://api.groq.com": "groq",
    "https://api.anthropic.com": "anthropic",
    "http://127.0.0.1:11434": "ollama",
}


class World:
    """One server in the place of all providers."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server
        #: Who was called, in the order in which clients were made.
        self.called: list[str] = []

    def config(self, **settings: Any) -> ClientConfig:
        """`ClientConfig`, with the provider's address replaced by the server's, its path kept."""
        parts = urlsplit(settings["base_url"])
        if settings["base_url"] != self.server.url:
            self.called.append(ADDRESSES[f"{parts.scheme}://{parts.netloc}"])
        return ClientConfig(**{**settings, "base_url": self.server.url + parts.path})

    def sent(self, path: str) -> list[Any]:
        """The JSON of each request to a path."""
        return [json.loads(r.body) for r in self.server.requests if r.path == path]

    def keys(self) -> list[str]:
        """The key of each request."""
        headers = [request.headers for request in self.server.requests]
        return [h.get("x-api-key") or h["authorization"].removeprefix("Bearer ") for h in headers]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    for name in ("OLLAMA_HOST", "OLLAMA_BASE_URL"):
        monkeypatch.delenv(name, raising=False)
    with ScriptedServer((providers.answer,)) as server:
        found = World(server)
        monkeypatch.setattr(cloud.llm.base, "ClientConfig", found.config)
        yield found


def run(sample: Sample, namespace: dict[str, Any]) -> None:
    """Run a sample as a notebook does: what it awaits at the top is awaited."""
    code = "\n" * sample.line + sample.code
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    compiled = compile(code, str(sample.path), "exec", flags)

    async def main() -> None:
        result = eval(compiled, namespace)
        if inspect.isawaitable(result):
            await result
        await close_all_cloud_clients()

    asyncio.run(main())


CHAT, MESSAGES_PATH, OLLAMA = "/v1/chat/completions", "/v1/messages", "/api/chat"


def _openai(s: SimpleNamespace, world: World) -> None:
    assert world.called == ["openai", "openai"]
    assert s.printed == "Hello!\nHello!"
    assert world.keys() == ["sk-..."] * 3
    assert [body["model"] for body in world.sent(CHAT)] == ["gpt-4o"] * 3
    assert [body.get("stream", False) for body in world.sent(CHAT)] == [False, False, True]


def _anthropic(s: SimpleNamespace, world: World) -> None:
    assert world.called == ["anthropic", "anthropic"]
    assert (s.response.content, s.printed) == ("Hello!", "Hello!")
    assert world.keys() == ["sk-ant-...", "..."]
    assert [body["system"] for body in world.sent(MESSAGES_PATH)] == [
        "You are helpful.",
        "Be concise.",
    ]


def _groq(s: SimpleNamespace, world: World) -> None:
    assert world.called == ["groq"]
    assert s.response.content == "Hello!"
    assert world.keys() == ["gsk-..."]
    assert world.sent("/openai/v1/chat/completions")[0]["model"] == "llama-3.3-70b-versatile"


def _ollama(s: SimpleNamespace, world: World) -> None:
    assert world.called == ["ollama"] * 4
    assert s.models == providers.INSTALLED
    assert s.printed == "Hello!\nHello!"
    assert [body["model"] for body in world.sent(OLLAMA)] == ["qwen2.5:3b", "llama3.2"]
    # llama3.2 means llama3.2:latest, which is there.
    assert [body["model"] for body in world.sent("/api/pull")] == ["codellama:7b"]


def _tools(s: SimpleNamespace, world: World) -> None:
    assert s.printed == "Call: get_weather({'location': 'Paris'})\n"
    tool = {"type": "function", "function": s.tools[0]}
    assert world.sent(CHAT)[0]["tools"] == [tool]


def _response(s: SimpleNamespace, world: World) -> None:
    response = s.response
    assert isinstance(response, ChatResponse)
    assert (response.content, response.model) == ("Hello!", "gpt-4o")
    assert (response.input_tokens, response.output_tokens, response.total_tokens) == (3, 2, 5)
    assert (response.finish_reason, response.tool_calls) == ("stop", [])
    assert response.has_tool_calls is False
    assert response.raw["choices"][0]["message"]["content"] == "Hello!"


def _configuration(s: SimpleNamespace, world: World) -> None:
    config = s.client.config
    assert (config.timeout, config.max_retries) == (120.0, 3)
    assert config.model == "claude-sonnet-4-20250514"
    assert world.called == ["anthropic"]


def _pooling(s: SimpleNamespace, world: World) -> None:
    async def call_both() -> None:
        for client in (s.client1, s.client2):
            await client.chat(MESSAGES)
        await s.close_all_cloud_clients()
        await s.client1.chat(MESSAGES)
        await s.close_all_cloud_clients()

    asyncio.run(call_both())
    assert world.keys() == ["user1-key", "user2-key", "user1-key"]
    assert [request.connection for request in world.server.requests] == [0, 0, 1]


def _agents(s: SimpleNamespace, world: World) -> None:
    assert world.called == ["anthropic"]
    assert s.response.content == "Hello!"
    assert world.sent(MESSAGES_PATH)[0]["model"] == "claude-sonnet-4-20250514"


#: What must hold after each sample; `s` holds its variables and the `printed` text.
OUTCOMES: dict[str, Callable[[SimpleNamespace, World], None]] = {
    "OpenAI": _openai,
    "Anthropic Claude": _anthropic,
    "Groq (OpenAI-compatible)": _groq,
    "Ollama (Local Models)": _ollama,
    "Tool Calling": _tools,
    "Response Object": _response,
    "Configuration": _configuration,
    "Connection Pooling": _pooling,
    "Integration with ai_agents": _agents,
}


def play(heading: str, world: World, capsys: Any, **settings: Any) -> SimpleNamespace:
    """Run a sample, with what it takes for granted. :return: its variables and what it printed."""
    client = AsyncOpenAICompatClient(
        api_key="sk-test", base_url=world.server.url, max_retries=0, **settings
    )
    imported = {name: getattr(cloud.llm, name) for name in cloud.llm.__all__}
    namespace: dict[str, Any] = {**imported, "messages": MESSAGES, "client": client}
    run(SAMPLES[heading], namespace)
    namespace.pop("__builtins__")
    return SimpleNamespace(**namespace, printed=capsys.readouterr().out)


def test_every_sample_has_an_outcome() -> None:
    assert {*OUTCOMES, "Error Handling"} == set(SAMPLES)


@pytest.mark.parametrize("heading", OUTCOMES)
def test_sample_runs_and_does_what_it_says(heading: str, world: World, capsys: Any) -> None:
    OUTCOMES[heading](play(heading, world, capsys), world)


def refusal(status: int, code: str, *headers: tuple[str, str]) -> bytes:
    error = {"message": "the reason", "type": "x", "code": code, "param": None}
    return wire.answer({"error": error}, status, headers)


FAILURES: dict[str, tuple[Any, str]] = {
    "rate-limit": (
        refusal(429, "rate_limit_exceeded", ("Retry-After", "7")),
        "Rate limited, retry after 7.0s\n",
    ),
    "auth": (refusal(401, "invalid_api_key"), "Invalid API key\n"),
    "context": (
        refusal(400, "context_length_exceeded"),
        "Context too long: {host} answered 400: the reason\n",
    ),
    "timeout": ([hang], "Request timed out\n"),
    "server": (
        refusal(500, "server_error"),
        "API error: {host} answered 500: the reason (status: 500)\n",
    ),
    "none": (providers.answer, ""),
}


@pytest.mark.parametrize(("answer", "printed"), FAILURES.values(), ids=FAILURES)
def test_the_sample_of_errors_tells_them_apart(
    answer: Any, printed: str, world: World, capsys: Any
) -> None:
    world.server.scripts = (answer,)
    timeout = 0.2 if answer == [hang] else 5.0
    said = play("Error Handling", world, capsys, timeout=timeout).printed
    assert said == printed.format(host=f"127.0.0.1:{world.server.port}")


def test_the_server_knows_no_other_paths() -> None:
    request = Request("POST", "/v2/chat", {}, b"{}", 0, 0)
    assert providers.answer(request).startswith(b"HTTP/1.1 404")
