"""Every status: its class, its facts, and how often the call is tried."""

from __future__ import annotations

import email.utils
import http
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from LLM import (
    InvalidRequestError,
    LLMAPIError,
    LLMAuthError,
    LLMContentFilterError,
    LLMContextLengthError,
    LLMRateLimitError,
    LLMServerError,
    ModelNotFoundError,
    error_response,
)
from tests.remote import wire
from tests.remote.conftest import CALLS, MESSAGES
from tests.remote.scripted_server import close, hang, reset

pytestmark = pytest.mark.slow

RETRIED = {429, 500, 502, 503, 504}
STATUSES = sorted(
    {status.value for status in http.HTTPStatus if status >= 300}
    | {419, 420, 430, 440, 444, 449, 450, 460, 463, 494, 495, 496, 497, 498, 499}
    | {509, 520, 521, 522, 523, 524, 525, 526, 527, 529, 530, 540, 561, 598, 599}
)
CLASSES = {
    401: LLMAuthError,
    402: LLMRateLimitError,
    403: LLMAuthError,
    429: LLMRateLimitError,
    400: InvalidRequestError,
    404: InvalidRequestError,
    413: InvalidRequestError,
    422: InvalidRequestError,
    408: LLMAPIError,
}


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize("kind", ["chat", "chat-stream", "models"])
def test_status_decides_class_and_number_of_tries(kind, serve, failure, sleeps, status):
    # RFC 9112, section 6.3: 304 has no body.
    body = b"" if status == 304 else {"error": {"message": "no"}}
    server = serve(wire.answer(body, status))
    error = failure(CALLS[kind], server, max_retries=2, retry_delay=2.0)
    assert error.status_code == status
    assert isinstance(error, LLMServerError if status >= 500 else LLMAPIError)
    assert type(error) is CLASSES.get(status, type(error))
    tries = 3 if status in RETRIED else 1
    assert len(server.requests) == tries
    assert len(set(server.bodies)) == 1
    assert sleeps == [2.0, 4.0][: tries - 1]


@pytest.mark.parametrize("status", sorted(RETRIED))
@pytest.mark.parametrize("max_retries", [0, 1, 5])
def test_retries_are_counted_and_delays_double(call, serve, failure, sleeps, status, max_retries):
    server = serve(wire.answer({"error": {"message": "no"}}, status))
    failure(call, server, max_retries=max_retries, retry_delay=2.0)
    assert len(server.requests) == max_retries + 1
    assert sleeps == [2.0, 4.0, 8.0, 16.0, 32.0][:max_retries]


@pytest.mark.parametrize("status", [204, 205])
def test_success_without_content_is_no_answer(call, serve, failure, status):
    error = failure(call, serve(wire.answer(b"", status)))
    assert error.status_code == status


@pytest.mark.parametrize("status", [201, 202, 203, 206])
def test_other_success_with_an_answer_is_one(serve, client, status):
    llm = client(serve(wire.answer(wire.CHAT, status)))
    assert llm.chat_completion(MESSAGES).text == "Hello!"


def _date(seconds_from_now: float) -> str:
    return email.utils.formatdate(time.time() + seconds_from_now, usegmt=True)


# header lines → seconds slept before the one retry, seconds on the error
RETRY_AFTER = {
    "0": ({"Retry-After": "0"}, 1.0, 0.0),
    "fraction": ({"Retry-After": "0.2"}, 1.0, 0.2),
    "5": ({"Retry-After": "5"}, 5.0, 5.0),
    "spaces": ({"Retry-After": "  5  "}, 5.0, 5.0),
    "120": ({"Retry-After": "120"}, 120.0, 120.0),
    "121": ({"Retry-After": "121"}, None, 121.0),
    "billion": ({"Retry-After": "1000000000"}, None, 1e9),
    "huge-digits": ({"Retry-After": "9" * 5000}, None, 1e9),
    "exponent": ({"Retry-After": "1e9"}, 1.0, None),
    "negative": ({"Retry-After": "-1"}, 1.0, None),
    "nan": ({"Retry-After": "nan"}, 1.0, None),
    "inf": ({"Retry-After": "inf"}, 1.0, None),
    "words": ({"Retry-After": "soon"}, 1.0, None),
    "empty": ({"Retry-After": ""}, 1.0, None),
    "absent": ({}, 1.0, None),
    "date-past": ({"Retry-After": _date(-3600)}, 1.0, 0.0),
    "date-year-1": ({"Retry-After": "Mon, 01 Jan 0001 00:00:00 GMT"}, 1.0, 0.0),
    "date-far": ({"Retry-After": "Fri, 31 Dec 9999 23:59:59 GMT"}, None, 1e9),
    "date-garbage": ({"Retry-After": "Mon, 99 Foo 2026 99:99:99 GMT"}, 1.0, None),
    "date-zone": ({"Retry-After": "Mon, 01 Jan 2001 00:00:00 +999999"}, 1.0, None),
    "ms": ({"Retry-After-Ms": "2500"}, 2.5, 2.5),
    "ms-wins": ({"Retry-After-Ms": "2500", "Retry-After": "9"}, 2.5, 2.5),
    "ms-garbage": ({"Retry-After-Ms": "x", "Retry-After": "9"}, 9.0, 9.0),
    "ms-billion": ({"Retry-After-Ms": "1000000000000"}, None, 1e9),
}


def test_first_of_two_retry_afters_counts(serve, failure):
    headers = [("Retry-After", "3"), ("Retry-After", "5")]
    server = serve(wire.answer({"error": {"message": "wait"}}, 429, headers))
    assert failure(CALLS["chat"], server).retry_after == 3.0


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("headers", "slept", "seconds"), RETRY_AFTER.values(), ids=list(RETRY_AFTER)
)
def test_retry_after_is_honoured_within_bounds(
    serve, failure, sleeps, status, headers, slept, seconds
):
    server = serve(wire.answer({"error": {"message": "wait"}}, status, headers.items()))
    error = failure(CALLS["chat"], server, max_retries=1)
    assert error.retry_after == seconds
    assert sleeps == ([] if slept is None else [slept])


def test_retry_after_date_in_the_future_is_waited_for(serve, failure, sleeps):
    server = serve(wire.answer(b"", 429, [("Retry-After", _date(60))]))
    error = failure(CALLS["chat"], server, max_retries=1)
    assert error.retry_after == pytest.approx(60, abs=5)
    assert sleeps == [pytest.approx(60, abs=5)]


@given(st.text())
def test_retry_after_of_any_text_is_bounded_seconds_or_nothing(text):
    for name in ("retry-after", "retry-after-ms"):
        seconds = error_response.parse_retry_after({name: text}, 1.7e9)
        assert seconds is None or 0 <= seconds <= 1e9


@pytest.mark.parametrize(
    "error",
    [
        {"message": "You exceeded your current quota", "code": "insufficient_quota"},
        {"message": "You exceeded your current quota", "type": "insufficient_quota"},
        {"message": "pay", "code": "billing_hard_limit_reached"},
        {"message": "pay", "code": None, "type": "billing_not_active"},
    ],
    ids=["code", "type", "billing-limit", "billing-type"],
)
def test_exhausted_quota_is_not_retried(call, serve, failure, error):
    server = serve(wire.answer({"error": error}, 429))
    caught = failure(call, server, max_retries=5)
    assert isinstance(caught, LLMRateLimitError)
    assert caught.quota_exhausted
    assert len(server.requests) == 1


BODIES = {
    "openai": {"error": {"message": "the reason", "type": "t", "param": None, "code": "c"}},
    "string": {"error": "the reason"},
    "fastapi-text": {"detail": "the reason"},
    "fastapi-list": {"detail": [{"loc": ["body", "n"], "msg": "the reason", "type": "int"}]},
    "llama.cpp": {"error": {"code": 400, "message": "the reason", "type": "invalid"}},
    "vllm": {"object": "error", "message": "the reason", "type": "BadRequestError", "code": 400},
    "google": [{"error": {"code": 400, "message": "the reason", "status": "INVALID_ARGUMENT"}}],
    "anthropic": {"type": "error", "error": {"type": "x", "message": "the reason"}},
    "message": {"message": "the reason"},
    "plain-text": b"the reason",
    "html": b"<html><title>the reason</title></html>",
    "json-string": b'"the reason"',
    "escaped": b'{"error": {"message": "the\\u0020reason"}}',
    "with-surrogate": b'{"error": {"message": "the reason \\ud83d"}}',
    "invalid-utf8": b'{"error": {"message": "the reason \xff\xfe"}}',
    "bom": b'\xef\xbb\xbf{"error": {"message": "the reason"}}',
}


@pytest.mark.parametrize("status", [400, 500])
@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_reason_is_found_in_every_known_error_body(serve, failure, status, body):
    error = failure(CALLS["chat"], serve(wire.answer(body, status)))
    assert "the reason" in str(error)
    str(error).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"{}",
        b'{"error": null}',
        b'{"error": []}',
        b'{"error": {"message": {"a": 1}}}',
        b'{"error": {"message": null, "code": {"a": 1}, "type": []}}',
        b'{"error": 5}',
        b'{"detail": [[[]]]}',
        b"[" * 100_000,
        b'{"error": ' * 50_000,
        b'{"error": {"code": ' + b"9" * 10_000 + b"}}",
        b'{"error": {"code": NaN, "message": Infinity}}',
        b"\x00\x01\x02\xff" * 100,
        b"<" * 2_000_000,
        b'{"error": {"message": "' + b"x" * 2_000_000 + b'"}}',
    ],
    ids=lambda body: f"{body[:24]!r}-{len(body)}",
)
def test_any_error_body_gives_a_short_error(call, serve, failure, body):
    error = failure(call, serve(wire.answer(body, 418)))
    assert error.status_code == 418
    assert len(str(error).encode()) < 8192
    assert len(repr(error).encode()) < 8192


def test_error_body_is_read_to_one_mebibyte(serve, failure):
    server = serve(wire.answer(b"x" * 2_000_000, 400), wire.answer(b"", 400))
    assert len(str(failure(CALLS["chat"], server).body)) < 1000


@pytest.mark.parametrize("end", [close, reset, hang], ids=["closed", "reset", "hangs"])
@pytest.mark.parametrize(
    "head",
    [
        wire.head("Content-Length: 9999", status=400),
        wire.head("Transfer-Encoding: chunked", status=400) + b"20\r\n",
    ],
    ids=["length", "chunked"],
)
def test_reason_that_arrived_survives_a_cut_body(serve, failure, head, end):
    server = serve([head + b"the reason", end])
    assert "the reason" in str(failure(CALLS["chat"], server, timeout=0.6))


REFINED = {
    "context-code": (400, {"code": "context_length_exceeded"}, LLMContextLengthError),
    "context-text": (
        400,
        {"message": "This model's maximum context length is 4096 tokens"},
        LLMContextLengthError,
    ),
    "context-llama.cpp": (
        400,
        {"type": "exceed_context_size_error", "message": "the request exceeds the context"},
        LLMContextLengthError,
    ),
    "context-413": (413, {"message": "prompt is too long"}, LLMContextLengthError),
    "filter-code": (400, {"code": "content_filter"}, LLMContentFilterError),
    "model-code": (404, {"code": "model_not_found"}, ModelNotFoundError),
    "model-text": (404, {"message": "The model `x` does not exist"}, ModelNotFoundError),
    "no-such-path": (404, {"message": "Not Found"}, InvalidRequestError),
    "status-beats-text": (500, {"message": "maximum context length"}, LLMServerError),
    "status-beats-code": (401, {"code": "context_length_exceeded"}, LLMAuthError),
}


@pytest.mark.parametrize(("status", "error", "expected"), REFINED.values(), ids=REFINED)
def test_code_refines_the_class_that_the_status_gives(serve, failure, status, error, expected):
    caught = failure(CALLS["chat"], serve(wire.answer({"error": error}, status)))
    assert type(caught) is expected


def test_error_carries_what_support_asks_for(serve, failure):
    headers = [("x-request-id", "req_1")]
    error = failure(
        CALLS["chat"],
        serve(wire.answer({"error": {"message": "no", "code": "c"}}, 400, headers)),
    )
    facts = (error.request_id, error.model, error.code, error.body)
    assert facts == ("req_1", "gpt-4", "c", {"error": {"message": "no", "code": "c"}})
    assert error.provider.startswith("127.0.0.1:")
