"""From a request of a job to a call of a client, and from its end to an outcome. Pure."""

from __future__ import annotations

from collections.abc import Mapping

from LLM.answer import Answer
from LLM.batch.lines import as_json
from LLM.batch.types import BatchOutcome, BatchRequest, BatchURL
from LLM.codec import lenient_json
from LLM.estimate import estimated_usage
from LLM.exceptions import (
    CassetteError,
    LLMAuthError,
    LLMConfigError,
    LLMConnectionError,
    LLMError,
    LLMRateLimitError,
    UsageLimitError,
)
from LLM.ledger import Call
from LLM.retry import RetryStrategy
from LLM.types import (
    AnyResponse,
    ChatCompletionChunk,
    ChatCompletionResponse,
    CompletionResponse,
    EmbeddingsResponse,
    ResponsesResponse,
)

#: What each call is answered with.
ANSWER_SHAPES: dict[BatchURL, type[AnyResponse]] = {
    "/v1/chat/completions": ChatCompletionResponse,
    "/v1/completions": CompletionResponse,
    "/v1/embeddings": EmbeddingsResponse,
    "/v1/responses": ResponsesResponse,
}
#: How a connection fails that no other request would get either.
_UNREACHABLE = frozenset({"connect", "tls", "unknown_host"})
_REQUEST_ID_HEADERS = ("x-request-id", "request-id")


def call_of(
    request: BatchRequest, timeout_s: float, retry: RetryStrategy
) -> Call[AnyResponse, ChatCompletionChunk]:
    """The call that a request means: its body as it is, checked as any call's answer is."""
    return Call(
        path=request.url.removeprefix("/v1"),
        fields=dict(request.body),
        answer=ANSWER_SHAPES[request.url],
        chunk=ChatCompletionChunk,  # never used: a job's answers come whole
        timeout_s=timeout_s,
        accept=_accept,
        content=request.content,
        retry=retry,
    )


def _accept(response: AnyResponse) -> None:
    """A job's answers are no client's last response."""


def answered(request: BatchRequest, response: AnyResponse, answer: Answer | None) -> BatchOutcome:
    """The outcome of a request that was answered.

    :param response: the answer, read and checked.
    :param answer: as it came; None where the client's cache had it.
    """
    if answer is None:
        body = as_json(response.model_dump(mode="json", exclude_unset=True))
    else:
        body = one_line(answer.body)
    return BatchOutcome(
        request,
        answer=body,
        status_code=200 if answer is None else answer.status,
        request_id=None if answer is None else _request_id(answer.headers),
        model=response.model,
        usage=response.usage or estimated_usage(request.content, response),
        shared=answer is None,
    )


def failed(request: BatchRequest, error: LLMError) -> BatchOutcome:
    """The outcome of a request that has failed for good."""
    return BatchOutcome(
        request, error=error, status_code=error.status_code, request_id=error.request_id
    )


def one_line(body: bytes) -> bytes:
    """An answer that was accepted, as JSON in one line; what is no Unicode becomes U+FFFD."""
    body = body.strip()
    if body.isascii() and not any(mark in body for mark in (b"\n", b"\r", b"\\u")):
        return body  # nothing to mend: to decode and encode it costs 9 µs
    return as_json(lenient_json(body))


def stops_job(error: LLMError) -> bool:
    """Whether no other request would fare better: nobody would want them all tried."""
    if isinstance(error, LLMAuthError):
        return error.status_code == 401
    if isinstance(error, LLMRateLimitError):
        # Patience is at its end, or the quota.
        return True
    ours = CassetteError | LLMConfigError | UsageLimitError
    return isinstance(error, ours) or error.status_code == 529


def is_unreachable(error: LLMError) -> bool:
    """Whether nothing was sent, since there is no connection."""
    return isinstance(error, LLMConnectionError) and error.code in _UNREACHABLE


def _request_id(headers: Mapping[str, str]) -> str | None:
    return next((headers[name] for name in _REQUEST_ID_HEADERS if headers.get(name)), None)
