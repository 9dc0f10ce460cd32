"""Questions about registered files."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from llmring import FileProcessingError, LLMRequest, LLMRing, Message

OPENAI, ANTHROPIC, GOOGLE = "openai:gpt-6-luna", "anthropic:claude-haiku-5-5", "google:gemini-x"
OLLAMA, LOCAL = "ollama:llama3", "local:tiny"
CODE = [{"type": "code_execution"}]


def asking(model: str, *files: str, **fields: Any) -> LLMRequest:
    said = [Message(role="user", content="Sum up")]
    return LLMRequest(model=model, messages=said, files=list(files), max_tokens=50, **fields)


def with_ring(use: Callable[[LLMRing], Awaitable[Any]]) -> Any:
    async def main() -> Any:
        async with LLMRing() as ring:
            result = await use(ring)
        await close_all_cloud_clients()
        return result

    return asyncio.run(main())


def asked(model: str, path: str, **fields: Any) -> None:
    """Ask one question about a file that is registered for it."""

    async def use(ring: LLMRing) -> None:
        await ring.chat(asking(model, ring.register_file(path), **fields))

    with_ring(use)


def refused(model: str, path: str, **fields: Any) -> FileProcessingError:
    with pytest.raises(FileProcessingError) as caught:
        asked(model, path, **fields)
    return caught.value
