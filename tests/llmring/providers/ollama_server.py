"""An Ollama server that answers as it is told, and a provider that asks it."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from llmring.providers.base import ProviderCall
from llmring.providers.ollama.provider import OllamaProvider
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer

USER = {"role": "user", "content": "What is the weather in Paris?"}
WEATHER = {
    "name": "get_weather",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}
NATIVE = {"function": {"name": "get_weather", "arguments": {"city": "Paris"}}}
CALL = '{"name": "get_weather", "arguments": {"city": "Paris"}}'
TURNS = [
    USER,
    {"role": "assistant", "content": None, "tool_calls": [
        {"id": "call_0", "type": "function",
         "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}]},
    {"role": "tool", "content": "Sunny.", "tool_call_id": "call_0"},
]  # fmt: skip


class Ollama:
    """A server with one model.

    :param says: the text that it answers with, or its tool calls.
    :param can: its capabilities; None for a server that lists none.
    :param refuses: what it says to tools, with status 400, or 404 where nothing is found.
    """

    def __init__(
        self,
        says: str | list[Any] = "Hello!",
        can: Iterable[str] | None = ("completion",),
        template: str = "{{ .Prompt }}",
        refuses: str | None = None,
    ) -> None:
        self.asked: list[str] = []
        self.bodies: list[dict[str, Any]] = []
        self._says = says
        self._shown: dict[str, Any] = {"template": template}
        if can is not None:
            self._shown["capabilities"] = list(can)
        self._refuses = refuses

    def __call__(self, request: Request) -> Any:
        self.asked.append(request.path)
        if request.path == "/api/show":
            return wire.answer(self._shown)
        body = json.loads(request.body)
        self.bodies.append(body)
        if body.get("tools") and self._refuses:
            status = 404 if "not found" in self._refuses else 400
            return wire.answer({"error": self._refuses}, status)
        return self._stream() if body["stream"] else wire.answer(self._lines(whole=True)[0])

    def _stream(self) -> bytes:
        head = wire.head("Transfer-Encoding: chunked", content_type="application/x-ndjson")
        return head + wire.chunked(json.dumps(line).encode() + b"\n" for line in self._lines())

    def _lines(self, *, whole: bool = False) -> list[dict[str, Any]]:
        message: dict[str, Any] = {"role": "assistant", "content": ""}
        if isinstance(self._says, list):
            pieces = [{**message, "tool_calls": self._says}]
        else:
            size = len(self._says) if whole else 5
            cut = [self._says[i : i + size] for i in range(0, len(self._says), size)]
            pieces = [{**message, "content": text} for text in cut]
        lines = [{"model": "m", "message": piece, "done": False} for piece in pieces]
        lines[-1] |= {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
        return lines


def with_provider(script: Any, use: Callable[[OllamaProvider], Any], **settings: Any) -> Any:
    """What `use` gives for a provider at a server of that script."""

    async def run(url: str) -> Any:
        provider = OllamaProvider(base_url=url, **settings)
        try:
            return await use(provider)
        finally:
            await provider.close()
            await close_all_cloud_clients()

    with ScriptedServer((script,)) as server:
        return asyncio.run(run(server.url))


def call(messages: Any = (USER,), timeout_s: float = 5.0, **fields: Any) -> ProviderCall:
    return ProviderCall("m", list(messages), timeout_s, **fields)


def answer(script: Any, asked: ProviderCall, *, streamed: bool = False) -> Any:
    """The whole answer to a call, asked for at once or added up from its events."""

    async def ask(provider: OllamaProvider) -> Any:
        return await (provider.stream(asked).response if streamed else provider.chat(asked))

    return with_provider(script, ask)


both = pytest.mark.parametrize("streamed", [False, True], ids=["whole", "stream"])


def calls_of(response: Any) -> list[tuple[str, str, Any]]:
    return [(one.id, one.name, one.arguments) for one in response.tool_calls]


PARIS = [("call_0", "get_weather", {"city": "Paris"})]
