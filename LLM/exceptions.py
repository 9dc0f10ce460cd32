"""The error tree that every package of llm-kit raises.

::

    LLMError
    ├── LLMConnectionError            no answer arrived
    │   └── LLMTimeoutError           `.deadline` says which one fired
    ├── UsageLimitError               our own limit (`max_total_tokens`) forbids the call
    ├── CassetteError                 a cassette cannot be read or written
    │   └── CassetteMissError         it has no answer to a request, and nobody else may be asked
    └── LLMAPIError                   an answer arrived and says no, or cannot be read
        ├── LLMAuthError              401, 403
        ├── LLMRateLimitError         429; `.quota_exhausted` is never retried
        ├── InvalidRequestError       400, 404, 413, 422: the caller can fix it
        │   ├── LLMConfigError        a setting that cannot work; also a ValueError
        │   ├── LLMContextLengthError = TokenLimitError
        │   ├── LLMContentFilterError
        │   └── ModelNotFoundError
        ├── LLMServerError            5xx
        └── LLMResponseError          2xx that cannot be parsed; a stream cut short

There is one constructor, never overridden; facts are attributes; every error pickles.
"""

from __future__ import annotations

from typing import Any

#: Longest text that an exception prints, in characters (a server chooses the text).
MAX_MESSAGE_CHARS = 2000

_QUOTA_CODES = frozenset(
    {"insufficient_quota", "billing_hard_limit_reached", "quota_exceeded", "billing_not_active"}
)


class LLMError(Exception):
    """Base of everything that llm-kit raises.

    :param message: what failed, what was found or allowed, what to do next. Longer texts are cut
        to 2,000 characters. Never holds a key. A server's reason is quoted, and a server may quote
        the prompt in it; ours never do.
    :param status_code: HTTP status of the answer; None when no answer arrived or none was needed.
    :param retry_after: seconds that the server asks to wait before the next try; None if it did
        not say.
    :param provider: host name or provider name that answered.
    :param model: model that was asked.
    :param body: the error object of the answer, decoded (a dict), or the start of its text.
    :param request_id: the provider's id of the request, for its support.
    :param code: machine-readable reason: the provider's error code, or for a timeout the deadline.
    """

    def __init__(
        self,
        message: str = "",
        *,
        status_code: int | None = None,
        retry_after: float | None = None,
        provider: str | None = None,
        model: str | None = None,
        body: Any = None,
        request_id: str | None = None,
        code: str | None = None,
    ) -> None:
        if len(message) > MAX_MESSAGE_CHARS:
            message = message[: MAX_MESSAGE_CHARS - 1] + "…"
        super().__init__(message)
        self.message = message
        self.status_code = status_code
        self.retry_after = retry_after
        self.provider = provider
        self.model = model
        self.body = body
        self.request_id = request_id
        self.code = code

    def __reduce__(self) -> tuple[Any, ...]:
        return (type(self), (self.message,), self.__dict__)


class LLMConnectionError(LLMError):
    """No answer arrived: refused, reset, unreachable, or a TLS failure."""


class LLMTimeoutError(LLMConnectionError):
    """A deadline passed before the answer was complete."""

    @property
    def deadline(self) -> str | None:
        """Which deadline fired: ``connect``, ``first_byte``, ``between_chunks`` or ``total``."""
        return self.code


class UsageLimitError(LLMError):
    """The call would pass a limit that the caller set; nothing was sent."""


class CassetteError(LLMError):
    """A cassette cannot be read or written."""


class CassetteMissError(CassetteError):
    """A cassette that only replays has no answer to a request. No policy tries it again.

    The message tells the recorded request that is most like it, and where the two differ: parts of
    prompts, but no key.
    """


class LLMAPIError(LLMError):
    """An answer arrived and says no, or cannot be read."""


class LLMAuthError(LLMAPIError):
    """401 or 403: the key is missing, wrong, or lacks the right."""


class LLMRateLimitError(LLMAPIError):
    """429: too many requests or tokens; `retry_after` is in seconds, None if not said."""

    @property
    def quota_exhausted(self) -> bool:
        """True when the account's quota is spent, which no waiting mends."""
        return self.code in _QUOTA_CODES


class InvalidRequestError(LLMAPIError):
    """The request cannot work as it is; the caller can fix it (400, 404, 413, 422)."""


class LLMConfigError(InvalidRequestError, ValueError):
    """A setting that cannot work, found before anything was sent."""


class LLMContextLengthError(InvalidRequestError):
    """Prompt and requested output do not fit the model's context window."""


#: The name that the local client's reference uses.
TokenLimitError = LLMContextLengthError


class LLMContentFilterError(InvalidRequestError):
    """The provider's content filter refused the request."""


class ModelNotFoundError(InvalidRequestError):
    """No such model, remotely or on disk."""


class LLMServerError(LLMAPIError):
    """5xx: the server failed or is overloaded."""


class LLMResponseError(LLMAPIError):
    """A success status whose content cannot be read: not JSON, no choices, cut short."""
