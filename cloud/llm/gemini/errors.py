"""From Google's error bodies to the exact error.

Google tells with a status name and typed details what others tell with codes: ``{"error": {"code":
400, "message": …, "status": "INVALID_ARGUMENT", "details": [{"@type": …}]}}``.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting; google.rpc `code.proto` and
`error_details.proto`.
"""

from __future__ import annotations

import re
from typing import Any

from cloud.llm.errors import recast
from LLM.exceptions import (
    InvalidRequestError,
    LLMAPIError,
    LLMAuthError,
    LLMContextLengthError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    ModelNotFoundError,
)

# google.rpc.Code, with the HTTP status that each stands for.
_BY_STATUS: dict[str, tuple[int, type[LLMAPIError]]] = {
    "INVALID_ARGUMENT": (400, InvalidRequestError),
    "FAILED_PRECONDITION": (400, InvalidRequestError),
    "OUT_OF_RANGE": (400, InvalidRequestError),
    "UNAUTHENTICATED": (401, LLMAuthError),
    "PERMISSION_DENIED": (403, LLMAuthError),
    "NOT_FOUND": (404, InvalidRequestError),
    "ALREADY_EXISTS": (409, LLMAPIError),
    "ABORTED": (409, LLMAPIError),
    "RESOURCE_EXHAUSTED": (429, LLMRateLimitError),
    "CANCELLED": (499, LLMAPIError),
    "UNKNOWN": (500, LLMServerError),
    "INTERNAL": (500, LLMServerError),
    "DATA_LOSS": (500, LLMServerError),
    "UNIMPLEMENTED": (501, LLMServerError),
    "UNAVAILABLE": (503, LLMServerError),
    "DEADLINE_EXCEEDED": (504, LLMServerError),
}
_CONTEXT_TEXT = re.compile(r"token count.{0,100}exceeds the maximum", re.IGNORECASE | re.DOTALL)
_MODEL_TEXT = re.compile(r"\b(?:models|tunedModels)/\S+ is not (?:found|supported)|\bmodel\b", re.I)
_SPENT_TEXT = re.compile(r"credits are depleted|spend(?:ing)? (?:cap|limit)", re.IGNORECASE)
_DURATION = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,9})?)s")


def exact_error(error: LLMAPIError) -> LLMAPIError:
    """`error` as the class that Google's body in it means.

    :param error: as the words of OpenAI's imitators have it, its body decoded and scrubbed.
    :return: `error` itself where its body is none of Google's.
    """
    said = _google_error(error.body)
    status = said.get("status")
    if isinstance(error, LLMResponseError) or not isinstance(status, str):
        return error
    if status not in _BY_STATUS:
        return error
    http, cls = _BY_STATUS[status]
    if error.status_code is not None and error.status_code >= 400:
        http = error.status_code
    details = [item for item in _listed(said.get("details")) if isinstance(item, dict)]
    reason = _first(details, "reason")
    code = reason or status
    message = _text(said.get("message"))
    if reason.startswith("API_KEY_"):
        cls = LLMAuthError  # a key that is no key is a 400 here
    elif cls is LLMRateLimitError and _is_spent(details, reason, message):
        code = "quota_exceeded"
    elif status == "INVALID_ARGUMENT" and _CONTEXT_TEXT.search(message):
        cls = LLMContextLengthError
    elif status == "NOT_FOUND" and _MODEL_TEXT.search(message):
        cls = ModelNotFoundError
    return recast(
        error,
        cls,
        status_code=http,
        retry_after=_seconds(_first(details, "retryDelay")) or error.retry_after,
        request_id=error.request_id or _first(details, "requestId") or None,
        code=code,
    )


def _is_spent(details: list[dict[str, Any]], reason: str, message: str) -> bool:
    """Whether no waiting that a caller would do mends it: a day's quota, or prepaid credit.

    Google asks to come back in seconds even then, while a day's quota comes back at midnight.
    """
    quotas = [quota for item in details for quota in _listed(item.get("violations"))]
    names = [str(quota.get("quotaId", "")) for quota in quotas if isinstance(quota, dict)]
    is_daily = any("PerDay" in name for name in names)
    return is_daily or reason == "QUOTA_EXHAUSTED" or bool(_SPENT_TEXT.search(message))


def _google_error(payload: Any) -> dict[str, Any]:
    """The error object in a body; a stream that fails at once answers with a list of one."""
    if isinstance(payload, list) and payload:
        payload = payload[0]
    error = payload.get("error") if isinstance(payload, dict) else None
    return error if isinstance(error, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


def _first(details: list[dict[str, Any]], name: str) -> str:
    """The first text called `name` in the details; empty when there is none."""
    found = (item[name] for item in details if isinstance(item.get(name), str))
    return next(found, "")[:100]


def _seconds(duration: str) -> float | None:
    """Seconds of a protobuf duration such as ``34.074s``."""
    match = _DURATION.fullmatch(duration)
    return float(match.group(1)) if match else None
