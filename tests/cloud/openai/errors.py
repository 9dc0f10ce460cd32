"""How OpenAI and its like say no, and successes that are none."""

from __future__ import annotations

import json

from LLM.exceptions import (
    InvalidRequestError,
    LLMAPIError,
    LLMAuthError,
    LLMContentFilterError,
    LLMContextLengthError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
    ModelNotFoundError,
)
from tests.cloud.openai.wire import (
    DONE,
    ROLE,
    choice_of,
    chunk,
    error,
    first,
    more,
    plain,
    sse,
    usage_chunk,
)
from tests.cloud.scripts import Script

_REQUEST_ID = (("x-request-id", "req_5f2c7f0a"),)
_LONG = (
    "This model's maximum context length is 8192 tokens. However, your messages resulted in 9001 "
    "tokens. Please reduce the length of the messages."
)

ERRORS = [
    Script(
        "400",
        error("Unrecognized request argument supplied: top_q", "invalid_request_error"),
        error=InvalidRequestError,
        status=400,
        headers=_REQUEST_ID,
        expected={"request_id": "req_5f2c7f0a", "code": "invalid_request_error"},
    ),
    Script(
        "400-context",
        error(_LONG, "invalid_request_error", "context_length_exceeded", "messages"),
        error=LLMContextLengthError,
        status=400,
        expected={"code": "context_length_exceeded"},
    ),
    Script(
        "400-vllm-context",
        {
            "object": "error",
            "message": _LONG,
            "type": "BadRequestError",
            "param": None,
            "code": 400,
        },
        error=LLMContextLengthError,
        status=400,
    ),
    Script(
        "400-filter",
        {
            "error": {
                "message": "The prompt triggered Azure OpenAI's content management policy.",
                "type": None,
                "param": "prompt",
                "code": "content_filter",
                "status": 400,
                "innererror": {"code": "ResponsibleAIPolicyViolation"},
            }
        },
        error=LLMContentFilterError,
        status=400,
    ),
    Script(
        "401",
        error(
            "Incorrect API key provided: sk-te**1234.", "invalid_request_error", "invalid_api_key"
        ),
        error=LLMAuthError,
        status=401,
        expected={"code": "invalid_api_key"},
    ),
    Script(
        "402",
        error("Insufficient Balance", "unknown_error", "invalid_request_error"),
        error=LLMRateLimitError,
        status=402,
        expected={"code": "insufficient_quota", "quota_exhausted": True},
    ),
    Script(
        "403",
        error(
            "Country, region, or territory not supported",
            "request_forbidden",
            "unsupported_country_region_territory",
        ),
        error=LLMAuthError,
        status=403,
    ),
    Script(
        "404",
        error(
            "The model `gpt-5o` does not exist or you do not have access to it.",
            "invalid_request_error",
            "model_not_found",
        ),
        error=ModelNotFoundError,
        status=404,
    ),
    Script(
        "404-path",
        {"detail": "Not Found"},
        error=InvalidRequestError,
        status=404,
        expected={"body": {"detail": "Not Found"}},
    ),
    Script("408", error("Request timed out.", "timeout"), error=LLMAPIError, status=408),
    Script(
        "413",
        b"<html><head><title>413 Request Entity Too Large</title></head></html>",
        error=InvalidRequestError,
        status=413,
    ),
    Script(
        "422",
        {"detail": [{"loc": ["body", "messages"], "msg": "Field required", "type": "missing"}]},
        error=InvalidRequestError,
        status=422,
    ),
    Script(
        "429",
        error(
            "Rate limit reached for gpt-4o in organization org-x on requests per min.",
            "requests",
            "rate_limit_exceeded",
        ),
        error=LLMRateLimitError,
        status=429,
        headers=(("retry-after", "20"), ("retry-after-ms", "19500"), *_REQUEST_ID),
        expected={"retry_after": 19.5, "quota_exhausted": False},
    ),
    Script(
        "429-quota",
        error(
            "You exceeded your current quota, please check your plan and billing details.",
            "insufficient_quota",
            "insufficient_quota",
        ),
        error=LLMRateLimitError,
        status=429,
        expected={"quota_exhausted": True, "retry_after": None},
    ),
    Script(
        "500",
        error("The server had an error while processing your request.", "server_error"),
        error=LLMServerError,
        status=500,
    ),
    Script(
        "502",
        b"<html>\r\n<head><title>502 Bad Gateway</title></head>\r\n<body>nginx</body></html>",
        error=LLMServerError,
        status=502,
    ),
    Script(
        "503",
        error("The engine is currently overloaded.", "engine_overloaded_error"),
        error=LLMServerError,
        status=503,
        headers=(("retry-after", "Wed, 21 Oct 2015 07:28:00 GMT"),),
        expected={"retry_after": 0.0},
    ),
    Script("504", b"upstream request timeout", error=LLMServerError, status=504),
    Script("529", error("Overloaded", "overloaded_error"), error=LLMServerError, status=529),
    Script(
        "redirect",
        b"",
        error=LLMAPIError,
        status=307,
        headers=(("location", "http://127.0.0.1:9/"),),
    ),
    Script("no-content", b"", error=LLMResponseError, status=204),
    # Successes that are none.
    Script(
        "error-in-200",
        error("Provider returned error", None, 502),
        sse(ROLE, error("Provider returned error", None, 502)),
        error=LLMServerError,
        expected={"status_code": 502},
    ),
    Script(
        "error-in-a-choice",
        choice_of(plain("Hel", "error"), error={"code": 429, "message": "Rate limited upstream"}),
        sse(
            ROLE,
            chunk(content="Hel"),
            choice_of(
                chunk("error", content=""), error={"code": 429, "message": "Rate limited upstream"}
            ),
            DONE,
        ),
        error=LLMRateLimitError,
        expected={"status_code": 429},
    ),
    Script(
        "error-beside-choices",
        None,
        sse(
            ROLE,
            chunk(content="Hel"),
            {
                **chunk("error", content=""),
                "error": {"code": "server_error", "message": "Provider disconnected"},
            },
        ),
        error=LLMServerError,
        expected={"status_code": 200, "code": "server_error"},
    ),
    Script(
        "error-event",
        None,
        sse(
            ROLE,
            b"event: error\ndata: "
            + json.dumps(error("Overloaded", "overloaded_error")).encode()
            + b"\n\n",
        ),
        error=LLMServerError,
    ),
    Script(
        "error-event-of-vllm",
        None,
        sse(
            ROLE,
            {
                "object": "error",
                "message": _LONG,
                "type": "BadRequestError",
                "param": None,
                "code": 400,
            },
            DONE,
        ),
        error=LLMContextLengthError,
        expected={"status_code": 400},
    ),
    Script(
        "html",
        b"<!DOCTYPE html><html><body>Welcome</body></html>",
        b"<!DOCTYPE html><html><body>Welcome</body></html>",
        error=LLMResponseError,
    ),
    Script("nothing", b"", b"", error=LLMResponseError),
    Script("only-done", None, DONE, error=LLMResponseError),
    Script("null", b"null", b"data: null\n\n", error=LLMResponseError),
    Script(
        "null-choices",
        {**plain("Hi"), "choices": None},
        sse({**chunk(content="Hi"), "choices": None}, DONE),
        error=LLMResponseError,
    ),
    Script(
        "no-choices",
        {**plain("Hi"), "choices": []},
        sse(usage_chunk(), DONE),
        error=LLMResponseError,
    ),
    Script(
        "no-first-choice",
        None,
        sse({**chunk(), "choices": [{"index": 1, "delta": {}}]}, DONE),
        error=LLMResponseError,
        sdk=False,
    ),
    Script(
        "no-message",
        {**plain("Hi"), "choices": [{"index": 0, "finish_reason": "stop"}]},
        error=LLMResponseError,
    ),
    Script(
        "deep",
        b'{"choices":' + b"[" * 1_000,
        b"data: " + b"[" * 1_000 + b"\n\n",
        error=LLMResponseError,
    ),
    Script(
        "huge-number",
        json.dumps(plain("Hi")).encode().replace(b"1762000000", b"9" * 5_000),
        sse(chunk(content="Hi")).replace(b"1762000000", b"9" * 5_000),
        error=LLMResponseError,
    ),
    Script(
        "cut-json",
        json.dumps(plain("Hello")).encode()[:80],
        sse(ROLE, chunk(content="Hello"))[:-40],
        error=LLMResponseError,
    ),
    Script(
        "cut-stream",
        None,
        sse(ROLE, chunk(content="Hel")),
        error=LLMResponseError,
        expected={"code": "truncated_stream"},
    ),
    Script(
        "cut-in-a-call",
        None,
        sse(first(0, "call_1", "get_weather"), more(0, '{"lo')),
        error=LLMResponseError,
        expected={"code": "truncated_stream"},
    ),
]
