"""The client of Google's Gemini for coroutines."""

from __future__ import annotations

from cloud.llm.async_client import AsyncChatClient
from cloud.llm.gemini.provider import Gemini


class AsyncGeminiClient(Gemini, AsyncChatClient):
    """A client of Google's Gemini for coroutines: the twin of `GeminiClient`."""
