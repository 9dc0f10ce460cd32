"""Anthropic's errors as exceptions: by status, then by what only Anthropic says. Pure.

Source: https://platform.claude.com/docs/en/api/errors; ErrorType and the `error_code`s of
anthropic 2.12.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from cloud.llm.errors import recast
from LLM.codec import Source
from LLM.exceptions import (
    InvalidRequestError,
    LLMAPIError,
    LLMContextLengthError,
    LLMRateLimitError,
    ModelNotFoundError,
)
from LLM.secrets import scrub

#: The status that each type has where an error is an answer of its own, and not in a stream.
_STATUS_OF = {
    "invalid_request_error": 400,
    "authentication_error": 401,
    "billing_error": 402,
    "permission_error": 403,
    "not_found_error": 404,
    "conflict_error": 409,
    "request_too_large": 413,
    "rate_limit_error": 429,
    "api_error": 500,
    "timeout_error": 504,
    "overloaded_error": 529,
}
_SPENT_CODES = frozenset(
    {
        "contract_spend_limit_reached",
        "enforced_spend_limit_reached",
        "linked_organization_spend_limit_reached",
    }
)
# These come as invalid requests, with status 400.
_SPENT_TEXT = re.compile(r"credit balance is too low|reached your specified .{0,20}usage limits")
_CONTEXT_TEXT = re.compile(r"exceeds? context limit")
_MODEL_TEXT = re.compile(r"model: ")


def error_inside(payload: Mapping[str, Any], status: int, source: Source) -> LLMAPIError:
    """The error in a 2xx answer or in an event of a stream.

    It has the class and the status that its type has where it is an answer of its own.

    :param payload: ``{"type": "error", "error": {"type": …, "message": …}}``.
    """
    told, error = payload, payload.get("error")
    kind = error.get("type") if isinstance(error, Mapping) else None
    meant = _STATUS_OF.get(kind) if isinstance(kind, str) else None
    if meant and isinstance(error, Mapping):
        told = {**payload, "error": {**error, "code": str(meant)}}
    found = source.error_inside({**told, "object": "error"}, status)
    assert found is not None, "it says of itself that it is an error"
    found.body = scrub(dict(payload), source.secret)
    found.code = kind if meant else found.code
    return exact(found)


def exact(error: LLMAPIError) -> LLMAPIError:
    """`error` with the class, code and request id that Anthropic's own words give it."""
    body = error.body if isinstance(error.body, dict) else {}
    told = body.get("error")
    told = told if isinstance(told, dict) else {}
    details = told.get("details")
    code = details.get("error_code") if isinstance(details, dict) else None
    message = told.get("message")
    message = message if isinstance(message, str) else ""
    if error.request_id is None and isinstance(body.get("request_id"), str):
        error.request_id = body["request_id"]
    if isinstance(code, str):
        error.code = code
    if (
        error.code in _SPENT_CODES
        or told.get("type") == "billing_error"
        or (error.status_code == 400 and _SPENT_TEXT.search(message))
    ):
        return recast(error, LLMRateLimitError, code="insufficient_quota")
    if error.status_code == 400 and _CONTEXT_TEXT.search(message):
        return recast(error, LLMContextLengthError)
    if type(error) is InvalidRequestError and error.status_code == 404:
        return recast(error, ModelNotFoundError) if _MODEL_TEXT.match(message) else error
    return error
