"""The methods of both clients, called the same way."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable
from typing import Any

from cloud import close_all_cloud_clients
from cloud.llm.ollama.async_client import AsyncOllamaClient
from cloud.llm.ollama.client import OllamaClient

Use = Callable[[Any], Any]


def blocking(use: Use, **settings: Any) -> Any:
    """What `use` makes of an `OllamaClient`."""
    with OllamaClient(**settings) as client:
        return use(client)


def coroutines(use: Use, **settings: Any) -> Any:
    """What `use` makes of an `AsyncOllamaClient`, in a loop of its own."""

    async def run() -> Any:
        async with AsyncOllamaClient(**settings) as client:
            result = use(client)
            result = await result if inspect.isawaitable(result) else result
        await close_all_cloud_clients()
        return result

    return asyncio.run(run())


TWINS = {"blocking": blocking, "async": coroutines}
