"""Blocking client for any OpenAI-compatible API, and the ground that llm-kit stands on.

::

    from LLM import LLM, LLMConfig, Message

    with LLM(LLMConfig(base_url="http://127.0.0.1:8000")) as llm:
        print(llm.chat_completion([Message(role="user", content="Hello!")]).text)
"""

from __future__ import annotations

from LLM._version import __version__
from LLM.cache import DiskCache, MemoryCache, ResponseCache
from LLM.client import LLM
from LLM.config import LLMConfig
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
    TokenLimitError,
    UsageLimitError,
)
from LLM.rate_limit import RateLimiter
from LLM.retry import RetryPolicy, RetryStrategy
from LLM.secrets import Secret
from LLM.streaming import ChatStream, CompletionStream, Stream
from LLM.types import (
    ChatCompletionChunk,
    ChatCompletionResponse,
    Choice,
    CompletionChoice,
    CompletionChunk,
    CompletionResponse,
    FunctionCall,
    Message,
    Model,
    ModelsResponse,
    ResponseMessage,
    ToolCall,
    Usage,
)
from LLM.usage import UsageTotals, UsageTracker

__all__ = [
    "LLM",
    "ChatCompletionChunk",
    "ChatCompletionResponse",
    "ChatStream",
    "Choice",
    "CompletionChoice",
    "CompletionChunk",
    "CompletionResponse",
    "CompletionStream",
    "DiskCache",
    "FunctionCall",
    "InvalidRequestError",
    "LLMAPIError",
    "LLMAuthError",
    "LLMConfig",
    "LLMConfigError",
    "LLMConnectionError",
    "LLMContentFilterError",
    "LLMContextLengthError",
    "LLMError",
    "LLMRateLimitError",
    "LLMResponseError",
    "LLMServerError",
    "LLMTimeoutError",
    "MemoryCache",
    "Message",
    "Model",
    "ModelNotFoundError",
    "ModelsResponse",
    "RateLimiter",
    "ResponseCache",
    "ResponseMessage",
    "RetryPolicy",
    "RetryStrategy",
    "Secret",
    "Stream",
    "TokenLimitError",
    "ToolCall",
    "Usage",
    "UsageLimitError",
    "UsageTotals",
    "UsageTracker",
    "__version__",
]
