"""What Gemini answers when something is wrong.

Source: https://ai.google.dev/gemini-api/docs/troubleshooting; bodies as users have quoted them.
"""

from __future__ import annotations

import json
from typing import Any

from LLM.exceptions import (
    InvalidRequestError,
    LLMAuthError,
    LLMContentFilterError,
    LLMContextLengthError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    ModelNotFoundError,
)
from tests.cloud.gemini.wire import answer, detail, error, event, quota, stream, text
from tests.cloud.scripts import Script


def _status(name: str, cls: type[LLMError], body: dict[str, Any], **expected: Any) -> Script:
    status = body["error"]["code"]
    return Script(name, body, status=status, error=cls,
                  expected={"status_code": status, **expected})  # fmt: skip


BAD_KEY = error(
    400,
    "INVALID_ARGUMENT",
    "API key not valid. Please pass a valid API key.",
    detail("ErrorInfo", reason="API_KEY_INVALID", domain="googleapis.com"),
)
A_MINUTE = error(
    429,
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan and billing details.",
    quota("GenerateRequestsPerMinutePerProjectPerModel-FreeTier"),
    detail("Help", links=[{"description": "Learn more about Gemini API quotas"}]),
    detail("RetryInfo", retryDelay="34.074824224s"),
)
A_DAY = error(
    429,
    "RESOURCE_EXHAUSTED",
    "You exceeded your current quota, please check your plan and billing details.",
    quota("GenerateRequestsPerDayPerProjectPerModel-FreeTier"),
    detail("RetryInfo", retryDelay="34s"),
)
NO_CREDIT = error(
    429, "RESOURCE_EXHAUSTED", "Your prepayment credits are depleted. Please go to AI Studio."
)
BUSY = error(503, "UNAVAILABLE", "The model is overloaded. Please try again later.")
TOO_LONG = "The input token count (3475108) exceeds the maximum number of tokens allowed (1048576)."

STATUSES = [
    _status("key that is none", LLMAuthError, BAD_KEY, code="API_KEY_INVALID"),
    _status("no key", LLMAuthError, error(403, "PERMISSION_DENIED", "Method doesn't allow "
            "unregistered callers."), code="PERMISSION_DENIED"),
    _status("key of another project", LLMAuthError,
            error(401, "UNAUTHENTICATED", "Request had invalid authentication credentials.")),
    _status("wrong argument", InvalidRequestError,
            error(400, "INVALID_ARGUMENT", "Please ensure that function call turn comes "
                  "immediately after a user turn."), code="INVALID_ARGUMENT"),
    _status("wrong place", InvalidRequestError,
            error(400, "FAILED_PRECONDITION", "User location is not supported for the API use.")),
    _status("prompt too long", LLMContextLengthError, error(400, "INVALID_ARGUMENT", TOO_LONG)),
    _status("unknown model", ModelNotFoundError,
            error(404, "NOT_FOUND", "models/gemini-9 is not found for API version v1beta, or is "
                  "not supported for generateContent.")),
    _status("unknown file", InvalidRequestError,
            error(404, "NOT_FOUND", "Requested entity was not found.")),
    _status("rate limit", LLMRateLimitError, A_MINUTE, retry_after=34.074824224,
            quota_exhausted=False),
    _status("day's quota", LLMRateLimitError, A_DAY, retry_after=34.0, quota_exhausted=True),
    _status("no credit", LLMRateLimitError, NO_CREDIT, quota_exhausted=True),
    _status("internal error", LLMServerError,
            error(500, "INTERNAL", "An internal error has occurred.")),
    _status("overloaded", LLMServerError, BUSY, code="UNAVAILABLE"),
    _status("deadline", LLMServerError,
            error(504, "DEADLINE_EXCEEDED", "Deadline expired before operation could complete.")),
    Script("error of a proxy", b"<html><h1>502 Bad Gateway</h1></html>", status=502,
           error=LLMServerError, expected={"status_code": 502}, sdk=False),
]  # fmt: skip

_BEGUN = event(answer(text("Hello"), finish=None))

STREAMS = [
    Script("error in mid-stream", None, _BEGUN + event(BUSY), error=LLMServerError,
           expected={"text": "Hello", "status_code": 503, "code": "UNAVAILABLE"}),
    Script("error in mid-stream, in no event", None,
           _BEGUN + json.dumps(A_MINUTE, indent=2).encode(), error=LLMRateLimitError,
           expected={"text": "Hello", "status_code": 429, "retry_after": 34.074824224}),
    Script("error in mid-stream, in a list", None, _BEGUN + event([BUSY]), error=LLMServerError,
           expected={"text": "Hello", "status_code": 503}, sdk=False),
    Script("stream cut short", None, _BEGUN, error=LLMResponseError,
           expected={"text": "Hello", "code": "truncated_stream"}, sdk=False),
    Script("stream that ends as OpenAI's", None, _BEGUN + b"data: [DONE]\n\n",
           error=LLMResponseError, expected={"code": "truncated_stream"}, sdk=False),
    Script("no stream at all", None, json.dumps(answer(text("Hello"))).encode(),
           error=LLMResponseError, sdk=False),
    Script("unknown events", None,
           event({"somethingNew": {"of": "2027"}}) + b": ping\n\n" + event(answer(text("Hi."))),
           expected={"content": "Hi."}, sdk=False),
]  # fmt: skip


def _both(name: str, cls: type[LLMError], body: Any, **expected: Any) -> Script:
    """Not read by the SDK, which hands out an empty answer for these."""
    return Script(name, body, stream(body), expected, cls, sdk=False)


BLOCKED = {
    "promptFeedback": {
        "blockReason": "PROHIBITED_CONTENT",
        "safetyRatings": [{"category": "HARM_CATEGORY_HARASSMENT", "probability": "HIGH"}],
    },
    "usageMetadata": {"promptTokenCount": 7, "totalTokenCount": 7},
    "modelVersion": "gemini-3.8-flash",
}
MALFORMED = answer(
    finish="MALFORMED_FUNCTION_CALL",
    candidate={"finishMessage": "Malformed function call: print(get_weather("},
)
SUCCESSES = [
    _both("blocked prompt", LLMContentFilterError, BLOCKED, code="PROHIBITED_CONTENT",
          status_code=200),
    _both("malformed call", LLMResponseError, MALFORMED, code="MALFORMED_FUNCTION_CALL"),
    _both("signature left out", InvalidRequestError, answer(finish="MISSING_THOUGHT_SIGNATURE"),
          code="MISSING_THOUGHT_SIGNATURE"),
    _both("error inside a success", LLMServerError, BUSY, status_code=503, code="UNAVAILABLE"),
    Script("no candidates", {"modelVersion": "gemini-3.8-flash"}, error=LLMResponseError,
           sdk=False),
    Script("empty candidate", {"candidates": [{"index": 0}]}, error=LLMResponseError, sdk=False),
]  # fmt: skip
ERRORS = [*STATUSES, *STREAMS, *SUCCESSES]
