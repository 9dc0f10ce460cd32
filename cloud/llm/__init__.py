"""Clients of language model providers, blocking and async, with one interface.

::

    from cloud.llm import OpenAICompatClient

    client = OpenAICompatClient(api_key="sk-...", model="gpt-4o")
    print(client.chat([{"role": "user", "content": "Hello!"}]).content)

A name's module is loaded when the name is first used: blocking clients bring requests, async ones
aiohttp, and neither brings the other.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from cloud.llm.anthropic.async_client import AsyncAnthropicClient
    from cloud.llm.anthropic.client import AnthropicClient
    from cloud.llm.config import ClientConfig
    from cloud.llm.events import (
        Finish,
        Ping,
        ReasoningDelta,
        RefusalDelta,
        Start,
        StreamEvent,
        TextDelta,
        ToolCallDelta,
        UsageUpdate,
    )
    from cloud.llm.files import UploadedFile
    from cloud.llm.gemini.async_client import AsyncGeminiClient
    from cloud.llm.gemini.client import GeminiClient
    from cloud.llm.json_schema import JSONSchema
    from cloud.llm.ollama.async_client import AsyncOllamaClient
    from cloud.llm.ollama.client import OllamaClient
    from cloud.llm.ollama.management import PullProgress
    from cloud.llm.ollama.models import (
        OLLAMA_DEFAULT_MODEL,
        OLLAMA_RECOMMENDED_MODELS,
        get_default_model,
        get_recommended_models,
    )
    from cloud.llm.openai_compat.async_client import AsyncOpenAICompatClient
    from cloud.llm.openai_compat.client import OpenAICompatClient
    from cloud.llm.streams import AsyncEventStream, AsyncTextStream, EventStream, TextStream
    from cloud.llm.types import ChatMessage, ChatResponse, ToolCall
    from LLM.exceptions import (
        InvalidRequestError,
        LLMAPIError,
        LLMAuthError,
        LLMConfigError,
        LLMConnectionError,
        LLMContentFilterError,
        LLMContextLengthError,
        LLMError,
        LLMRateLimitError,
        LLMResponseError,
        LLMServerError,
        LLMTimeoutError,
        ModelNotFoundError,
    )

# Which module each public name lives in.
_HOMES = {
    "LLM.exceptions": (
        "InvalidRequestError LLMAPIError LLMAuthError LLMConfigError LLMConnectionError "
        "LLMContentFilterError LLMContextLengthError LLMError LLMRateLimitError LLMResponseError "
        "LLMServerError LLMTimeoutError ModelNotFoundError"
    ),
    "cloud.llm.anthropic.async_client": "AsyncAnthropicClient",
    "cloud.llm.anthropic.client": "AnthropicClient",
    "cloud.llm.config": "ClientConfig",
    "cloud.llm.events": (
        "Finish Ping ReasoningDelta RefusalDelta Start StreamEvent TextDelta ToolCallDelta "
        "UsageUpdate"
    ),
    "cloud.llm.files": "UploadedFile",
    "cloud.llm.gemini.async_client": "AsyncGeminiClient",
    "cloud.llm.gemini.client": "GeminiClient",
    "cloud.llm.json_schema": "JSONSchema",
    "cloud.llm.ollama.async_client": "AsyncOllamaClient",
    "cloud.llm.ollama.client": "OllamaClient",
    "cloud.llm.ollama.management": "PullProgress",
    "cloud.llm.ollama.models": (
        "OLLAMA_DEFAULT_MODEL OLLAMA_RECOMMENDED_MODELS get_default_model get_recommended_models"
    ),
    "cloud.llm.openai_compat.async_client": "AsyncOpenAICompatClient",
    "cloud.llm.openai_compat.client": "OpenAICompatClient",
    "cloud.llm.streams": "AsyncEventStream AsyncTextStream EventStream TextStream",
    "cloud.llm.types": "ChatMessage ChatResponse ToolCall",
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = [
    "OLLAMA_DEFAULT_MODEL",
    "OLLAMA_RECOMMENDED_MODELS",
    "AnthropicClient",
    "AsyncAnthropicClient",
    "AsyncEventStream",
    "AsyncGeminiClient",
    "AsyncOllamaClient",
    "AsyncOpenAICompatClient",
    "AsyncTextStream",
    "ChatMessage",
    "ChatResponse",
    "ClientConfig",
    "EventStream",
    "Finish",
    "GeminiClient",
    "InvalidRequestError",
    "JSONSchema",
    "LLMAPIError",
    "LLMAuthError",
    "LLMConfigError",
    "LLMConnectionError",
    "LLMContentFilterError",
    "LLMContextLengthError",
    "LLMError",
    "LLMRateLimitError",
    "LLMResponseError",
    "LLMServerError",
    "LLMTimeoutError",
    "ModelNotFoundError",
    "OllamaClient",
    "OpenAICompatClient",
    "Ping",
    "PullProgress",
    "ReasoningDelta",
    "RefusalDelta",
    "Start",
    "StreamEvent",
    "TextDelta",
    "TextStream",
    "ToolCall",
    "ToolCallDelta",
    "UploadedFile",
    "UsageUpdate",
    "get_default_model",
    "get_recommended_models",
]
