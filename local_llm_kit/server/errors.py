"""Errors as answers: each API's own shape, made from OpenAI's, whatever went wrong."""

from __future__ import annotations

import math
from collections.abc import Mapping
from contextvars import ContextVar
from typing import Any, Literal

from pydantic_core import to_json
from starlette.responses import Response

from LLM.exceptions import (
    InvalidRequestError,
    LLMAuthError,
    LLMConnectionError,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMTimeoutError,
    ModelNotFoundError,
)

#: Id of the request that is being answered, for errors that tell it; empty outside of any.
REQUEST_ID: ContextVar[str] = ContextVar("request_id", default="")

#: Class, status, type and code, the most exact class first. The first three come from a server
#: behind this one (Ollama): the caller's key and request are not what is wrong.
_KINDS: tuple[tuple[type[LLMError], int, str, str | None], ...] = (
    (LLMAuthError, 502, "server_error", "upstream_refused"),
    (LLMTimeoutError, 504, "server_error", "upstream_timeout"),
    (LLMConnectionError, 502, "server_error", "upstream_unreachable"),
    (LLMRateLimitError, 429, "rate_limit_error", "rate_limit_exceeded"),
    (LLMContextLengthError, 400, "invalid_request_error", "context_length_exceeded"),
    (ModelNotFoundError, 404, "invalid_request_error", "model_not_found"),
    (InvalidRequestError, 400, "invalid_request_error", None),
    (LLMError, 500, "server_error", None),
)


def refusal(
    path: str,
    status: int,
    message: str,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    """An answer that says no, for what is no concern of the model.

    :param path: of the request; it says whose shape the answer has.
    """
    kind = "server_error" if status >= 500 else "invalid_request_error"
    if status in (401, 403):
        kind = "authentication_error"
    body = error_body(message, kind, None, code)
    return _response(path, status, body, dict(headers or {}))


def error_body(message: str, kind: str, param: str | None, code: str | None) -> dict[str, Any]:
    """The error object of OpenAI's API."""
    return {"error": {"message": message, "type": kind, "param": param, "code": code}}


def describe(error: LLMError) -> tuple[int, dict[str, Any]]:
    """Status and body for an error of ours."""
    status, kind, code = next(
        (status, kind, code) for cls, status, kind, code in _KINDS if isinstance(error, cls)
    )
    body = error.body if isinstance(error.body, dict) else {}
    param = body.get("param")
    upstream = isinstance(error, (LLMAuthError, LLMConnectionError))
    if not upstream and error.status_code is not None and 400 <= error.status_code <= 599:
        status = error.status_code
    return status, error_body(
        error.message,
        kind,
        param if isinstance(param, str) else None,
        code if upstream else error.code or code,
    )


def error_response(path: str, error: LLMError) -> Response:
    """The answer for an error of ours; says when to come back where that is known.

    :param path: of the request; it says whose shape the answer has.
    """
    status, body = describe(error)
    return _response(path, status, body, retry_after_header(error, status))


def retry_after_header(error: LLMError, status: int) -> dict[str, str]:
    """The header that says when to come back; none where that is not known, and no use."""
    if error.retry_after is not None:
        return {"retry-after": str(math.ceil(error.retry_after))}
    return {"retry-after": "1"} if status in (429, 503) else {}


def _response(path: str, status: int, body: dict[str, Any], headers: dict[str, str]) -> Response:
    api = api_of(path)
    if api == "anthropic":
        body = anthropic_error(status, body)
    elif api == "ollama":
        body = ollama_error(body)
    return Response(to_json(body), status, headers, "application/json")


def api_of(path: str) -> Literal["openai", "anthropic", "ollama"]:
    """Whose API a path belongs to; OpenAI's where it is no other's."""
    if path.startswith("/v1/messages"):
        return "anthropic"
    # Below /api/v1/ is what llmring's server has, never Ollama.
    is_ollama = path.startswith("/api/") and not path.startswith("/api/v1/")
    return "ollama" if is_ollama or path == "/v1/systemone" else "openai"


#: Kinds of errors in Anthropic's API, by status.
_ANTHROPIC_KINDS = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    413: "request_too_large",
    429: "rate_limit_error",
    503: "overloaded_error",
    504: "timeout_error",
    529: "overloaded_error",
}


def anthropic_error(status: int, body: dict[str, Any]) -> dict[str, Any]:
    """An error in the shape of Anthropic's API.

    :param body: the same in OpenAI's.

    Source: https://platform.claude.com/docs/en/api/errors
    """
    default = "api_error" if status >= 500 else "invalid_request_error"
    kind = _ANTHROPIC_KINDS.get(status, default)
    error: dict[str, Any] = {"type": kind, "message": body["error"]["message"]}
    code = body["error"]["code"]
    if code == "context_length_exceeded":
        # Agents look for these words to shorten their conversation by themselves.
        error["message"] = f"prompt is too long: {error['message']}"
    if code is not None:
        error["details"] = {"error_code": code}
    return {"type": "error", "error": error, "request_id": REQUEST_ID.get() or None}


def ollama_error(body: dict[str, Any]) -> dict[str, Any]:
    """An error in the shape of Ollama's API, with its code beside it, which Ollama's lack.

    :param body: the same in OpenAI's.
    """
    code = body["error"]["code"]
    return {"error": body["error"]["message"]} | ({"code": code} if code else {})
