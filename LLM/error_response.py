"""From an answer that says no to the exception that says why. Pure: status, headers, body in.

The status decides the class; the provider's code refines it, and message text only breaks ties
between refusals (a prompt that is too long is a 400 nearly everywhere).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from email.utils import parsedate_to_datetime
from typing import Any

from pydantic_core import from_json

from LLM.exceptions import (
    InvalidRequestError,
    LLMAPIError,
    LLMAuthError,
    LLMContentFilterError,
    LLMContextLengthError,
    LLMRateLimitError,
    LLMServerError,
    ModelNotFoundError,
)
from LLM.secrets import Secrets, scrub

_EXCERPT_CHARS = 300

_CLASS_BY_STATUS: dict[int, type[LLMAPIError]] = {
    401: LLMAuthError,
    402: LLMRateLimitError,
    403: LLMAuthError,
    408: LLMAPIError,
    409: LLMAPIError,
    425: LLMAPIError,
    429: LLMRateLimitError,
}

# Codes and types as OpenAI, its imitators and llama.cpp spell them.
_CLASS_BY_CODE: dict[str, type[LLMAPIError]] = {
    "context_length_exceeded": LLMContextLengthError,
    "exceed_context_size_error": LLMContextLengthError,
    "string_above_max_length": LLMContextLengthError,
    "content_filter": LLMContentFilterError,
    "content_policy_violation": LLMContentFilterError,
    "model_not_found": ModelNotFoundError,
    "not_found_error": InvalidRequestError,
    "invalid_api_key": LLMAuthError,
    "authentication_error": LLMAuthError,
    "permission_error": LLMAuthError,
    "invalid_request_error": InvalidRequestError,
    "rate_limit_exceeded": LLMRateLimitError,
    "rate_limit_error": LLMRateLimitError,
    "insufficient_quota": LLMRateLimitError,
    "server_error": LLMServerError,
    "internal_server_error": LLMServerError,
    "api_error": LLMServerError,
    "overloaded_error": LLMServerError,
}

_CONTEXT_TEXT = re.compile(
    r"context (?:length|window|size)|maximum context|prompt is too long|too many (?:input )?tokens"
    r"|input is too long|exceeds? the (?:available )?context",
    re.IGNORECASE,
)
_MODEL_TEXT = re.compile(r"\bmodel\b.{0,200}\b(?:not found|does not exist|not exist)", re.I | re.S)
_FILTER_TEXT = re.compile(r"content (?:management|filter|policy)|safety system", re.IGNORECASE)
_SECONDS = re.compile(r"[0-9]+(?:\.[0-9]*)?")
_UNPRINTABLE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]+")


def parse_retry_after(headers: Mapping[str, str], now: float) -> float | None:
    """How long the server asks to wait.

    :param headers: the answer's headers, looked up in lower case or case-insensitively.
    :param now: seconds since the epoch, against which an HTTP date is measured.
    :return: seconds, at least 0 and at most 1e9; None when absent or unreadable.
        Source: RFC 9110, section 10.2.3; `retry-after-ms` as OpenAI and Azure send it.
    """
    milliseconds = headers.get("retry-after-ms", "").strip()
    if _SECONDS.fullmatch(milliseconds):
        return min(float(milliseconds) / 1000.0, 1e9)
    text = headers.get("retry-after", "").strip()
    # requests joins headers of one name with commas, aiohttp gives the first. So for both.
    seconds = text.partition(",")[0].rstrip()
    if _SECONDS.fullmatch(seconds):
        return min(float(seconds), 1e9)
    try:
        return min(max(0.0, parsedate_to_datetime(text).timestamp() - now), 1e9)
    except (ValueError, TypeError, OverflowError, IndexError):
        return None


def api_error(
    status: int,
    headers: Mapping[str, str],
    body: bytes,
    *,
    provider: str,
    model: str | None,
    secret: Secrets,
    now: float,
) -> LLMAPIError:
    """The exception for an answer whose status is not 2xx.

    :param body: the answer's body, decoded from its content encoding, as much as was read.
    :param provider: host that answered.
    :param secret: keys to take out of all text.
    :param now: seconds since the epoch.
    """
    text = scrub(body.decode("utf-8", "replace"), secret)
    try:
        payload = scrub(from_json(text), secret)
    except ValueError:
        payload = None
    details = error_details(payload)
    cls = _error_class(status, details)
    if 300 <= status < 400:
        advice = (
            ": redirects are not followed, since they would carry the prompt to another "
            "address; set base_url to the final one"
        )
        return LLMAPIError(
            f"{provider} answered {status}{advice}", status_code=status, provider=provider
        )
    reason = details["message"] or excerpt(text) or "no reason given"
    code = details["code"] or details["type"]
    return cls(
        f"{provider} answered {status}: {reason}",
        status_code=status,
        retry_after=parse_retry_after(headers, now),
        provider=provider,
        model=model,
        body=payload if payload is not None else text[:_EXCERPT_CHARS],
        request_id=scrub(headers.get("x-request-id") or headers.get("request-id"), secret),
        code="insufficient_quota" if status == 402 else code,
    )


def error_in_success(
    payload: Any, *, status: int, provider: str, model: str | None, secret: Secrets
) -> LLMAPIError | None:
    """The exception for an error object inside a 2xx answer or a stream event.

    :param payload: the decoded JSON.
    :return: None when `payload` holds no error.
    """
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        return None
    if not payload.get("error") and payload.get("object") != "error":
        return None
    details = error_details(scrub(payload, secret))
    code = details["code"] or details["type"]
    inner = int(code) if code and re.fullmatch(r"[1-5][0-9][0-9]", code) else status
    cls = _error_class(inner, details) if inner >= 400 else _CLASS_BY_CODE.get(code or "")
    return (cls or LLMAPIError)(
        f"{provider} answered {status} with an error inside: "
        f"{details['message'] or code or 'no reason given'}",
        status_code=inner,
        provider=provider,
        model=model,
        body=scrub(payload, secret),
        code=code,
    )


def error_details(payload: Any) -> dict[str, str | None]:
    """Message, code and type out of the error bodies that servers send.

    Known forms: ``{"error": {...}}``, ``{"error": "text"}``, ``{"message": ...}``,
    ``{"detail": ...}`` and a list of one such object.
    """
    if isinstance(payload, list) and payload:
        payload = payload[0]
    if not isinstance(payload, dict):
        return {"message": None, "code": None, "type": None}
    error = payload.get("error") or payload.get("detail") or payload
    if isinstance(error, list) and error:
        error = error[0]
    if isinstance(error, str):
        return {"message": excerpt(error), "code": _as_text(payload.get("code")), "type": None}
    if not isinstance(error, dict):
        error = payload
    message = error.get("message") or error.get("msg") or payload.get("message")
    return {
        "message": excerpt(message) if isinstance(message, str) else None,
        "code": _as_text(error.get("code")),
        "type": _as_text(error.get("type")),
    }


def excerpt(text: str) -> str:
    """The start of a server's text, safe to print: control characters and surrogates replaced."""
    cut = " ".join(_UNPRINTABLE.sub("�", text[: 4 * _EXCERPT_CHARS]).split())
    return cut if len(cut) <= _EXCERPT_CHARS else cut[: _EXCERPT_CHARS - 1] + "…"


def _as_text(value: Any) -> str | None:
    return _UNPRINTABLE.sub("�", str(value))[:100] if isinstance(value, (str, int)) else None


def _error_class(status: int, details: Mapping[str, str | None]) -> type[LLMAPIError]:
    if status >= 500:
        return LLMServerError
    if status in _CLASS_BY_STATUS:
        return _CLASS_BY_STATUS[status]
    if not 400 <= status < 500:
        return LLMAPIError
    for key in ("code", "type"):
        refined = _CLASS_BY_CODE.get(details[key] or "")
        if (
            refined
            and refined is not InvalidRequestError
            and issubclass(refined, InvalidRequestError)
        ):
            return refined
    message = details["message"] or ""
    if _CONTEXT_TEXT.search(message):
        return LLMContextLengthError
    if _FILTER_TEXT.search(message):
        return LLMContentFilterError
    if status == 404 and _MODEL_TEXT.search(message):
        return ModelNotFoundError
    return InvalidRequestError
