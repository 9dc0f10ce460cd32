"""Where samples run: one server in the place of all providers, and a folder of their own."""

from __future__ import annotations

import ast
import asyncio
import inspect
import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cloud import close_all_cloud_clients
from llmring import LLMRequest, LLMRing, Message
from tests.remote.scripted_server import Request, ScriptedServer
from tests.samples import Sample, samples

HERE = Path(__file__).parent
#: The blocks of the guide and of the API reference, by heading.
GUIDE = {sample.heading: sample for sample in samples(HERE / "readme.md")}
REFERENCE = {sample.heading: sample for sample in samples(HERE / "reference.md")}

KEYS = {
    "OPENAI_API_KEY": "sk-openai",
    "ANTHROPIC_API_KEY": "sk-anthropic",
    "GEMINI_API_KEY": "key-of-google",
}
OPENAI, ANTHROPIC, OLLAMA = "/v1/chat/completions", "/v1/messages", "/api/chat"

#: A model of each provider.
MODELS = {
    "openai": "openai:gpt-6-luna",
    "anthropic": "anthropic:claude-haiku-5-5",
    "google": "google:gemini-3.8-flash",
    "ollama": "ollama:llama3",
}

#: What the pages elide, and an address that no machine has.
FILLED = {
    "messages=[Message(...)]": 'messages=[Message(role="user", content="Hello!")]',
    "messages=[...]": 'messages=[{"role": "user", "content": "Some text"}]',
    "tools=[...]": 'tools=[{"type": "function", "function": {"name": "get_weather"}}]',
    "/path/to/custom.lock": "custom.lock",
}


class World:
    """The server, and what it was asked."""

    def __init__(self, server: ScriptedServer) -> None:
        self.server = server

    @property
    def environment(self) -> dict[str, str]:
        """The variables by which all providers' addresses are this server's."""
        url = self.server.url
        return {
            **KEYS,
            "OPENAI_BASE_URL": f"{url}/v1",
            "ANTHROPIC_BASE_URL": url,
            "GOOGLE_GEMINI_BASE_URL": url,
            "OLLAMA_BASE_URL": url,
        }

    def asked(self) -> list[tuple[str, dict[str, Any]]]:
        """Of each chat, the ``provider:model`` and the body, in order."""
        found = [(_asked(request), request.body) for request in self.server.requests]
        return [(model, json.loads(body)) for model, body in found if model]

    def models(self) -> list[str]:
        """The models that were asked, in order."""
        return [model for model, _ in self.asked()]

    def body(self) -> dict[str, Any]:
        """The body of the only chat."""
        ((_, body),) = self.asked()
        return body


def _asked(request: Request) -> str:
    """The ``provider:model`` of a chat; empty for another request."""
    for path, provider in ((OPENAI, "openai"), (ANTHROPIC, "anthropic"), (OLLAMA, "ollama")):
        if request.path == path:
            return f"{provider}:{json.loads(request.body)['model']}"
    found = re.match(r"/v1beta/models/([^:]+):", request.path)
    return f"google:{found[1]}" if found else ""


class Variables(dict[str, Any]):
    """A sample's variables, and all requests that it has made of them."""

    def __init__(self, given: Mapping[str, Any]) -> None:
        super().__init__(given)
        self.requests: list[LLMRequest] = []

    def __setitem__(self, name: str, value: Any) -> None:
        if isinstance(value, LLMRequest):
            self.requests.append(value)
        super().__setitem__(name, value)

    def __getattr__(self, name: str) -> Any:
        try:
            return self[name]
        except KeyError:
            raise AttributeError(name) from None


def filled(sample: Sample) -> str:
    """A sample's code with what it elides."""
    code = sample.code
    for elided, text in FILLED.items():
        code = code.replace(elided, text)
    return code


def run(sample: Sample, *, model: str = "fast", send_all: bool = False) -> Variables:
    """Run a sample as a notebook does: what it awaits at the top is awaited.

    :param model: what `request` asks, which some samples take for granted.
    :param send_all: send the requests that the sample makes and leaves.
    :return: its variables.
    """
    code = "\n" * sample.line + filled(sample)
    compiled = compile(code, str(sample.path), "exec", ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    variables = Variables({"LLMRing": LLMRing, "LLMRequest": LLMRequest, "Message": Message})
    hello = [Message(role="user", content="Hello!")]
    dict.__setitem__(variables, "request", LLMRequest(model=model, messages=hello))

    async def main() -> None:
        async with LLMRing() as ring:
            variables["service"] = ring
            result = eval(compiled, {}, variables)
            if inspect.isawaitable(result):
                await result
        if send_all:
            async with LLMRing() as ring:
                for request in variables.requests:
                    await ring.chat(request)
        await close_all_cloud_clients()

    asyncio.run(main())
    return variables


def run_plainly(sample: Sample, variables: dict[str, Any]) -> dict[str, Any]:
    """Run a sample as a script does, where no event loop runs. :return: its variables."""
    code = "\n" * sample.line + filled(sample)
    exec(compile(code, str(sample.path), "exec"), variables)
    return variables
