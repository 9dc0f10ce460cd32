"""Either client of OpenAI, blocking or for coroutines, used in one way."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import Any

from cloud import close_all_cloud_clients
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

HELLO: Any = [{"role": "user", "content": "Hello!"}]
CHAT, STREAM = wire.answer(wire.CHAT), wire.stream_answer(wire.CHAT_EVENTS)
BUSY = wire.answer({"error": {"message": "busy"}}, 503)


class Client:
    """Either twin, whose calls give their results at once."""

    def __init__(self, cls: Any, runner: asyncio.Runner, settings: dict[str, Any]) -> None:
        self.twin = cls(**settings)
        self._runner = runner

    def chat(self, *args: Any, **fields: Any) -> Any:
        return self.done(self.twin.chat(*args, **fields))

    def done(self, result: Any) -> Any:
        """A result, awaited where it must be."""
        if not inspect.isawaitable(result):
            return result

        async def wait_for() -> Any:
            return await result

        return self._runner.run(wait_for())

    def all(self, stream: Any) -> list[Any]:
        """Everything that a stream gives."""
        return self.first(stream, -1)

    def first(self, stream: Any, count: int) -> list[Any]:
        """What a stream gives first, `count` of it."""
        if not hasattr(stream, "__aiter__"):
            return (
                [item for _, item in zip(range(count), stream, strict=False)]
                if count >= 0
                else list(stream)
            )

        async def collect() -> list[Any]:
            found: list[Any] = []
            while len(found) != count:
                try:
                    found.append(await anext(stream))
                except StopAsyncIteration:
                    break
            return found

        return self._runner.run(collect())

    def close(self, stream: Any) -> None:
        self.done(stream.aclose() if hasattr(stream, "aclose") else stream.close())


def sent(server: ScriptedServer) -> dict[str, Any]:
    return json.loads(server.bodies[-1])


def run(work: Any) -> Any:
    async def main() -> Any:
        result = await work
        await close_all_cloud_clients()
        return result

    return asyncio.run(main())
