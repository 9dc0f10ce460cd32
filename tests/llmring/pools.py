"""A ring whose alias ``pool`` stands for three models, each at a scripted server of its own."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from llmring import LLMResponse, LLMRing, StreamChunk
from llmring.exceptions import LLMRingError
from tests.remote import wire
from tests.remote.scripted_server import Request, Script, ScriptedServer, close
from tests.seed_002 import providers

MESSAGES = [{"role": "user", "content": "Tell nobody of the zebra."}]
KEY = "sk-pool-1234"
MODELS = ("openai:gpt-x", "anthropic:claude-x", "ollama:llama3.2")

#: What each server answers when it answers.
good = providers.answer


def refusal(
    status: int, message: str = "no", headers: Any = (), code: str | None = None
) -> Callable[[Request], bytes]:
    """An error as the provider that is asked tells it."""

    def script(request: Request) -> bytes:
        error: Any = {"message": message, "type": code, "code": code}
        if request.path == "/api/chat":
            error = message
        return wire.answer({"type": "error", "error": error}, status, headers)

    return script


def cut(*, after_text: bool) -> Callable[[Request], list[Any]]:
    """A provider's stream whose connection ends before its first piece of text, or after it."""

    def script(request: Request) -> list[Any]:
        head, _, body = good(request).partition(b"\r\n\r\n")
        chunks = body.split(b"\r\n")[1::2]
        records = re.findall(rb".+?\n(?:\n|(?=[{]|$))", b"".join(chunks), re.DOTALL)
        first = next(n for n, record in enumerate(records) if b"Hel" in record)
        told = b"".join(records[: first + after_text])
        return [head.replace(b"Transfer-Encoding: chunked", b"Connection: close"),
                b"\r\n\r\n", told, close]  # fmt: skip

    return script


@dataclass
class Pool:
    """The ring and its servers, in the order of the pool."""

    ring: LLMRing
    servers: list[ScriptedServer]

    @property
    def n_requests(self) -> list[int]:
        """How many requests each server has got."""
        return [len(server.requests) for server in self.servers]

    def open_breaker(self, model: str, retry_after: float | None = None) -> None:
        """Have a model fail until it is left alone."""
        breaker = self.ring._caller.failover.breaker(model)
        for _ in range(3):
            admission = breaker.admit()
            assert admission is not None
            admission.failed(retry_after)

    def is_left_alone(self, model: str) -> bool:
        return self.ring._caller.failover.breaker(model).is_open

    def chat(self, model: str = "pool", **fields: Any) -> LLMResponse:
        return self.run(lambda: self.ring.chat(model, messages=MESSAGES, **fields))

    def chunks(self, model: str = "pool", **fields: Any) -> list[StreamChunk]:
        async def read() -> list[StreamChunk]:
            stream = self.ring.chat_stream(model, messages=MESSAGES, **fields)
            return [chunk async for chunk in stream]

        return self.run(read)

    def ask(self, streamed: bool, **fields: Any) -> tuple[str, list[dict[str, Any]]]:
        """The text and the attempts of an answer, streamed or whole."""
        if not streamed:
            response = self.chat(**fields)
            return response.content, response.attempts

        async def read() -> LLMResponse:
            return await self.ring.chat_stream("pool", messages=MESSAGES, **fields).response

        response = self.run(read)
        return response.content, response.attempts

    def run(self, work: Callable[[], Awaitable[Any]]) -> Any:
        """What a coroutine gives, in a loop of its own that leaves no connection."""

        async def main() -> Any:
            try:
                return await work()
            finally:
                await close_all_cloud_clients()

        return asyncio.run(main())


@contextmanager
def pool_of(folder: Path, *scripts: Script, **settings: Any) -> Iterator[Pool]:
    """A pool whose n-th model answers by the n-th script; a text is the address of a server.

    :param folder: where its lockfile goes.
    :param settings: those of the ring.
    """
    models = json.dumps(MODELS[: len(scripts)])
    lockfile = folder / "llmring.lock"
    lockfile.write_text(
        'version = "1.0"\n[profiles.default]\nname = "default"\n'
        f'[[profiles.default.bindings]]\nalias = "pool"\nmodels = {models}\n'
        f'[[profiles.default.bindings]]\nalias = "fast"\nmodels = {models}\n'
    )
    ring = LLMRing(lockfile_path=lockfile, **settings)
    with ExitStack() as stack:
        servers = []
        for model, script in zip(MODELS, scripts, strict=False):
            # Who is somewhere else has a server that nobody asks.
            is_elsewhere = isinstance(script, str)
            server = stack.enter_context(
                ScriptedServer((good,) if is_elsewhere else script_of(script))
            )
            servers.append(server)
            address = script if is_elsewhere else server.url
            provider = model.partition(":")[0]
            ring.register_provider(provider, api_key=KEY, base_url=address)
        yield Pool(ring, servers)


def script_of(script: Script) -> tuple[Script, ...]:
    """Several scripts, one for each request, are a tuple."""
    return script if isinstance(script, tuple) else (script,)


def error_of(pool: Pool, streamed: bool, **fields: Any) -> LLMRingError:
    """What a call to the pool ends with."""
    with pytest.raises(LLMRingError) as caught:
        pool.ask(streamed, **fields)
    return caught.value


def outcomes(attempts: list[dict[str, Any]]) -> list[tuple[str, str]]:
    """Of each attempt the provider and, where it failed, the error, otherwise the outcome."""
    return [(one["model"].partition(":")[0], one.get("error", one["outcome"])) for one in attempts]
