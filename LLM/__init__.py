"""Clients for any OpenAI-compatible API, and the ground that llm-kit stands on.

::

    from LLM import LLM, LLMConfig, Message

    with LLM(LLMConfig(base_url="http://127.0.0.1:8000")) as llm:
        print(llm.chat_completion([Message(role="user", content="Hello!")]).text)

A name's module is loaded when the name is first used, so that the packages above pay for what they
take: the error tree costs a millisecond, the client with requests and pydantic a hundred.
"""

from __future__ import annotations

import typing

from LLM._version import __version__
from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from LLM.async_client import AsyncLLM
    from LLM.async_streaming import (
        AsyncChatStream,
        AsyncCompletionStream,
        AsyncStream,
        AsyncTextPieces,
    )
    from LLM.batch.exceptions import BatchInputError, BatchOutputError
    from LLM.batch.report import BatchEstimate, BatchReport, BatchResult
    from LLM.batch.types import BatchOptions, BatchProgress
    from LLM.cache import DiskCache, MemoryCache, ResponseCache
    from LLM.cassettes import Cassette, cassette
    from LLM.client import LLM
    from LLM.config import LLMConfig
    from LLM.exceptions import (
        CassetteError,
        CassetteMissError,
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
    from LLM.logs import JSONFormatter, configure_logging
    from LLM.overflow import Overflow
    from LLM.rate_limit import RateLimiter
    from LLM.retry import RetryPolicy, RetryStrategy
    from LLM.secrets import Secret
    from LLM.streaming import ChatStream, CompletionStream, Stream
    from LLM.telemetry import instrument, uninstrument
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

# Which module each public name lives in.
_HOMES = {
    "LLM.async_client": "AsyncLLM",
    "LLM.async_streaming": "AsyncChatStream AsyncCompletionStream AsyncStream AsyncTextPieces",
    "LLM.batch.exceptions": "BatchInputError BatchOutputError",
    "LLM.batch.report": "BatchEstimate BatchReport BatchResult",
    "LLM.batch.types": "BatchOptions BatchProgress",
    "LLM.cache": "DiskCache MemoryCache ResponseCache",
    "LLM.cassettes": "Cassette cassette",
    "LLM.client": "LLM",
    "LLM.config": "LLMConfig",
    "LLM.exceptions": (
        "CassetteError CassetteMissError "
        "InvalidRequestError LLMAPIError LLMAuthError LLMConfigError LLMConnectionError "
        "LLMContentFilterError LLMContextLengthError LLMError LLMRateLimitError "
        "LLMResponseError LLMServerError LLMTimeoutError ModelNotFoundError TokenLimitError "
        "UsageLimitError"
    ),
    "LLM.logs": "JSONFormatter configure_logging",
    "LLM.overflow": "Overflow",
    "LLM.rate_limit": "RateLimiter",
    "LLM.retry": "RetryPolicy RetryStrategy",
    "LLM.secrets": "Secret",
    "LLM.streaming": "ChatStream CompletionStream Stream",
    "LLM.telemetry": "instrument uninstrument",
    "LLM.types": (
        "ChatCompletionChunk ChatCompletionResponse Choice CompletionChoice CompletionChunk "
        "CompletionResponse FunctionCall Message Model ModelsResponse ResponseMessage "
        "ToolCall Usage"
    ),
    "LLM.usage": "UsageTotals UsageTracker",
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = [
    "LLM",
    "AsyncChatStream",
    "AsyncCompletionStream",
    "AsyncLLM",
    "AsyncStream",
    "AsyncTextPieces",
    "BatchEstimate",
    "BatchInputError",
    "BatchOptions",
    "BatchOutputError",
    "BatchProgress",
    "BatchReport",
    "BatchResult",
    "Cassette",
    "CassetteError",
    "CassetteMissError",
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
    "JSONFormatter",
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
    "Overflow",
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
    "cassette",
    "configure_logging",
    "instrument",
    "uninstrument",
]
