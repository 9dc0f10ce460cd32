"""The client of Anthropic's Messages API for coroutines."""

from __future__ import annotations

from cloud.llm.anthropic.provider import Anthropic
from cloud.llm.async_client import AsyncChatClient


class AsyncAnthropicClient(Anthropic, AsyncChatClient):
    """A client of Anthropic for coroutines: the twin of `AnthropicClient`."""
