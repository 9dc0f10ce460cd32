"""The client of OpenAI and of every server that speaks its language, for coroutines."""

from __future__ import annotations

from cloud.llm.async_client import AsyncChatClient
from cloud.llm.openai_compat.provider import OpenAICompat


class AsyncOpenAICompatClient(OpenAICompat, AsyncChatClient):
    """A client of OpenAI and its like for coroutines: the twin of `OpenAICompatClient`."""
