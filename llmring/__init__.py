"""One service over all language models: aliases, a lockfile, fallback, cost.

::

    from llmring import LLMRequest, LLMRing, Message

    async with LLMRing() as service:
        request = LLMRequest(model="fast", messages=[Message(role="user", content="Hello!")])
        response = await service.chat(request)
        print(response.content)

A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from LLM._version import __version__
    from llmring.conversations.manager import ConversationManager
    from llmring.conversations.session import LLMRingExtended, LLMRingSession
    from llmring.exceptions import (
        AnswerValidationError,
        CircuitBreakerError,
        ConfigurationError,
        ConversationError,
        ConversationNotFoundError,
        CostTrackingError,
        FileProcessingError,
        FileSizeError,
        LLMRingError,
        LockfileError,
        MCPError,
        ModelError,
        ModelNotFoundError,
        ProviderAnswerError,
        ProviderAuthenticationError,
        ProviderCassetteError,
        ProviderCassetteMissError,
        ProviderConnectionError,
        ProviderContentFilterError,
        ProviderContextLengthError,
        ProviderError,
        ProviderNotFoundError,
        ProviderRateLimitError,
        ProviderRequestError,
        ProviderResponseError,
        ProviderServerError,
        ProviderTimeoutError,
        RegistryError,
        RegistryStaleError,
        ServerConnectionError,
        ServerError,
        SessionError,
        StoreError,
        ToolError,
        ValidationError,
    )
    from llmring.file_utils import (
        analyze_image,
        compare_images,
        create_base64_image_content,
        create_data_url,
        create_image_content,
        create_multi_image_content,
        encode_file_to_base64,
        extract_text_from_image,
        get_file_mime_type,
        validate_image_file,
    )
    from llmring.logging.decorators import log_llm_call, log_llm_stream
    from llmring.pending import Pending
    from llmring.providers.base import BaseLLMProvider
    from llmring.schemas import (
        FileMetadata,
        FileUploadResponse,
        LLMRequest,
        LLMResponse,
        Message,
        StreamChunk,
    )
    from llmring.service import LLMRing
    from llmring.streams import ChatStream

# Which module each public name lives in.
_HOMES = {
    "LLM._version": "__version__",
    "llmring.conversations.manager": "ConversationManager",
    "llmring.conversations.session": "LLMRingExtended LLMRingSession",
    "llmring.exceptions": (
        "AnswerValidationError CircuitBreakerError ConfigurationError ConversationError "
        "ConversationNotFoundError CostTrackingError FileProcessingError FileSizeError "
        "LLMRingError LockfileError MCPError ModelError ModelNotFoundError "
        "ProviderAnswerError ProviderAuthenticationError ProviderCassetteError "
        "ProviderCassetteMissError ProviderConnectionError "
        "ProviderContentFilterError ProviderContextLengthError ProviderError "
        "ProviderNotFoundError ProviderRateLimitError ProviderRequestError "
        "ProviderResponseError ProviderServerError ProviderTimeoutError RegistryError "
        "RegistryStaleError ServerConnectionError ServerError SessionError StoreError "
        "ToolError ValidationError"
    ),
    "llmring.file_utils": (
        "analyze_image compare_images create_base64_image_content create_data_url "
        "create_image_content create_multi_image_content encode_file_to_base64 "
        "extract_text_from_image get_file_mime_type validate_image_file"
    ),
    "llmring.logging.decorators": "log_llm_call log_llm_stream",
    "llmring.pending": "Pending",
    "llmring.providers.base": "BaseLLMProvider",
    "llmring.schemas": (
        "FileMetadata FileUploadResponse LLMRequest LLMResponse Message StreamChunk"
    ),
    "llmring.service": "LLMRing",
    "llmring.streams": "ChatStream",
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = [
    "AnswerValidationError",
    "BaseLLMProvider",
    "ChatStream",
    "CircuitBreakerError",
    "ConfigurationError",
    "ConversationError",
    "ConversationManager",
    "ConversationNotFoundError",
    "CostTrackingError",
    "FileMetadata",
    "FileProcessingError",
    "FileSizeError",
    "FileUploadResponse",
    "LLMRequest",
    "LLMResponse",
    "LLMRing",
    "LLMRingError",
    "LLMRingExtended",
    "LLMRingSession",
    "LockfileError",
    "MCPError",
    "Message",
    "ModelError",
    "ModelNotFoundError",
    "Pending",
    "ProviderAnswerError",
    "ProviderAuthenticationError",
    "ProviderCassetteError",
    "ProviderCassetteMissError",
    "ProviderConnectionError",
    "ProviderContentFilterError",
    "ProviderContextLengthError",
    "ProviderError",
    "ProviderNotFoundError",
    "ProviderRateLimitError",
    "ProviderRequestError",
    "ProviderResponseError",
    "ProviderServerError",
    "ProviderTimeoutError",
    "RegistryError",
    "RegistryStaleError",
    "ServerConnectionError",
    "ServerError",
    "SessionError",
    "StoreError",
    "StreamChunk",
    "ToolError",
    "ValidationError",
    "__version__",
    "analyze_image",
    "compare_images",
    "create_base64_image_content",
    "create_data_url",
    "create_image_content",
    "create_multi_image_content",
    "encode_file_to_base64",
    "extract_text_from_image",
    "get_file_mime_type",
    "log_llm_call",
    "log_llm_stream",
    "validate_image_file",
]
