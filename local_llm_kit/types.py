"""Objects that a local call returns: the OpenAI shape of `LLM.types` under this package's names."""

from __future__ import annotations

from LLM.types import ChatCompletionResponse, Choice, Message, Usage


class CompletionResponse(ChatCompletionResponse):
    """Answer of `LLMClient.chat.completions.create`."""


__all__ = ["Choice", "CompletionResponse", "Message", "Usage"]
