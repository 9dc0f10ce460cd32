"""llmring's errors: one tree of its own that is also the tree of `LLM`.

::

    LLMRingError (LLMError)
    ├── ConfigurationError            also an LLMConfigError, and so a ValueError
    │   └── LockfileError
    ├── ValidationError               also an InvalidRequestError
    ├── ModelError
    │   └── ModelNotFoundError        also LLM's ModelNotFoundError
    ├── ProviderError
    │   ├── ProviderCassetteError         also a CassetteError
    │   │   └── ProviderCassetteMissError     also a CassetteMissError; nothing was sent
    │   ├── ProviderNotFoundError     also an LLMConfigError
    │   ├── ProviderAuthenticationError   also an LLMAuthError
    │   ├── ProviderRateLimitError    also an LLMRateLimitError
    │   ├── ProviderTimeoutError      also an LLMTimeoutError
    │   ├── ProviderConnectionError   also an LLMConnectionError
    │   └── ProviderResponseError     also an LLMAPIError
    │       ├── ProviderRequestError          also an InvalidRequestError
    │       │   ├── ProviderContextLengthError    also an LLMContextLengthError
    │       │   └── ProviderContentFilterError    also an LLMContentFilterError
    │       ├── ProviderServerError           also an LLMServerError
    │       └── ProviderAnswerError           also an LLMResponseError
    │           └── AnswerValidationError     also a ValidationError
    ├── CircuitBreakerError           also a ProviderError; nothing was sent
    ├── CostTrackingError
    ├── RegistryError
    │   └── RegistryStaleError
    ├── ServerError
    │   └── ServerConnectionError     also an LLMConnectionError
    ├── ConversationError
    │   └── ConversationNotFoundError
    ├── StoreError
    ├── SessionError
    ├── MCPError
    ├── ToolError
    └── FileProcessingError
        └── FileSizeError

So ``except LLMError`` catches all that any package here raises, and who knows llmring's names
catches by those. `wrap_exception` is the one place where an error of the layers below gets its name
here.
"""

from __future__ import annotations

from typing import Any

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
)
from LLM.exceptions import ModelNotFoundError as LLMModelNotFoundError


class LLMRingError(LLMError):
    """Base of what llmring raises.

    :param message: what failed, what was found or allowed, what to do next.
    :param original: the error that led to this one; it also becomes `__cause__`.
    :param details: further facts, for programs.
    :param facts: those of `LLMError`: `status_code`, `retry_after`, `provider`, `model`, ….
    """

    def __init__(
        self,
        message: str = "",
        original: BaseException | None = None,
        details: dict[str, Any] | None = None,
        **facts: Any,
    ) -> None:
        super().__init__(message, **facts)
        self.details = dict(details or {})
        if original is not None:
            self.__cause__ = original

    @property
    def original(self) -> BaseException | None:
        """The error that led to this one."""
        return self.__cause__

    @property
    def root_cause(self) -> BaseException:
        """The first error of the chain: the one that nothing else led to."""
        error: BaseException = self
        while error.__cause__ is not None:
            error = error.__cause__
        return error


class ConfigurationError(LLMRingError, LLMConfigError):
    """A setting that cannot work."""


class LockfileError(ConfigurationError):
    """A lockfile that is missing, cannot be read, or does not say what it must."""


class ValidationError(LLMRingError, InvalidRequestError):
    """A request that cannot work, or an answer that does not fit what was asked for."""


class ModelError(LLMRingError):
    """Something about a model."""


class ModelNotFoundError(ModelError, LLMModelNotFoundError):
    """No such model, here or at its provider."""


class ProviderError(LLMRingError):
    """A provider failed or refused."""


class ProviderCassetteError(ProviderError, CassetteError):
    """A cassette cannot be read or written."""


class ProviderCassetteMissError(ProviderCassetteError, CassetteMissError):
    """A cassette that only replays has no answer of the provider to this request."""


class ProviderNotFoundError(ProviderError, LLMConfigError):
    """No provider of that name, or it is not set up."""


class ProviderAuthenticationError(ProviderError, LLMAuthError):
    """The provider refuses the key."""


class ProviderRateLimitError(ProviderError, LLMRateLimitError):
    """The provider wants to be asked less; `retry_after` is in seconds, None if not said."""


class ProviderTimeoutError(ProviderError, LLMTimeoutError):
    """The provider did not answer in time."""


class ProviderResponseError(ProviderError, LLMAPIError):
    """The provider's answer says no, or cannot be read."""


class ProviderConnectionError(ProviderError, LLMConnectionError):
    """The provider cannot be reached, or broke the connection off."""


class ProviderRequestError(ProviderResponseError, InvalidRequestError):
    """The provider refuses the request as it is; the caller can mend it."""


class ProviderContextLengthError(ProviderRequestError, LLMContextLengthError):
    """Prompt and requested output do not fit the model's context window."""


class ProviderContentFilterError(ProviderRequestError, LLMContentFilterError):
    """The provider's content filter refused the request."""


class ProviderServerError(ProviderResponseError, LLMServerError):
    """The provider failed, or is overloaded."""


class ProviderAnswerError(ProviderResponseError, LLMResponseError):
    """The provider's answer cannot be read, or is cut short."""


class AnswerValidationError(ProviderAnswerError, ValidationError):
    """The answer does not fit the schema that it must; its text is in `body`."""


class CircuitBreakerError(ProviderError):
    """The model has failed too often, and is not asked for a while; nothing was sent.

    `retry_after` says for how many seconds yet.
    """

    @property
    def failure_count(self) -> int:
        """How many calls in a row have failed."""
        return int(self.details.get("failure_count", 0))


class CostTrackingError(LLMRingError):
    """What a call cost cannot be told, and `strict_cost` wants it told."""


class RegistryError(LLMRingError):
    """The registry of models cannot be reached or read."""


class RegistryStaleError(RegistryError):
    """The registry at hand is not the one that the lockfile pins."""


class ServerError(LLMRingError):
    """The llmring server failed or refused."""


class ServerConnectionError(ServerError, LLMConnectionError):
    """The llmring server cannot be reached."""


class ConversationError(LLMRingError):
    """Something about a conversation."""


class ConversationNotFoundError(ConversationError):
    """No conversation of that id that the caller may see."""


class StoreError(LLMRingError):
    """The database of conversations and usage cannot be opened, read or written."""


class SessionError(LLMRingError):
    """Something about a session."""


class MCPError(LLMRingError):
    """An MCP server, or the connection to it, failed."""


class ToolError(LLMRingError):
    """A tool failed, or cannot be what it says."""


class FileProcessingError(LLMRingError):
    """A file cannot be used."""


class FileSizeError(FileProcessingError):
    """A file is larger than is allowed."""


#: What each error of the layers below is called here: the first that fits, so exact ones lead.
_NAMES: tuple[tuple[type[LLMError], type[LLMRingError]], ...] = (
    (LLMTimeoutError, ProviderTimeoutError),
    (LLMConnectionError, ProviderConnectionError),
    (LLMAuthError, ProviderAuthenticationError),
    (LLMRateLimitError, ProviderRateLimitError),
    (LLMModelNotFoundError, ModelNotFoundError),
    (LLMConfigError, ConfigurationError),
    (LLMContextLengthError, ProviderContextLengthError),
    (LLMContentFilterError, ProviderContentFilterError),
    (InvalidRequestError, ProviderRequestError),
    (LLMServerError, ProviderServerError),
    (LLMResponseError, ProviderAnswerError),
    (LLMAPIError, ProviderResponseError),
    (CassetteMissError, ProviderCassetteMissError),
    (CassetteError, ProviderCassetteError),
    (LLMError, ProviderError),
)

# Facts that an error of the layers below hands on.
_FACTS = ("status_code", "retry_after", "provider", "model", "body", "request_id", "code")


def wrap_exception(error: Exception, **facts: Any) -> LLMRingError:
    """`error` under llmring's name for it, with its facts; the caller raises it.

    It is still of the class that the layers below gave it: what was an `LLMContextLengthError` is
    one.

    :param facts: facts in place of those of `error`: below, a provider is known by its host.
    """
    if isinstance(error, LLMRingError):
        return error
    if not isinstance(error, LLMError):
        return LLMRingError(f"{type(error).__name__}: {error}", original=error, **facts)
    name = next(ours for theirs, ours in _NAMES if isinstance(error, theirs))
    known = {fact: getattr(error, fact) for fact in _FACTS if getattr(error, fact) is not None}
    return name(error.message, original=error, **{**known, **facts})


def is_retryable_error(error: BaseException) -> bool:
    """Whether the same call could end otherwise after a while.

    A spent quota, a refused key and a request that cannot work will not.
    """
    if isinstance(error, LLMRateLimitError):
        return not error.quota_exhausted
    return isinstance(error, (LLMConnectionError, LLMServerError, LLMResponseError))
