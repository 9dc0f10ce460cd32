"""Anthropic's errors: which class each becomes, and what it says."""

from __future__ import annotations

import json
from typing import Any

import pytest

from cloud.llm.anthropic.provider import Anthropic
from LLM.exceptions import (
    InvalidRequestError,
    LLMAPIError,
    LLMAuthError,
    LLMRateLimitError,
    LLMServerError,
)
from tests.cloud.anthropic import wire
from tests.cloud.anthropic.asked import KEY, SOURCE, codec
from tests.cloud.anthropic.scripts import SCRIPTS
from tests.cloud.scripts import Script

REFUSALS = [script for script in SCRIPTS if script.status != 200]


def refused(status: int, body: Any, **headers: str) -> LLMAPIError:
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    error = codec().refusal(status, headers, data, SOURCE)
    assert isinstance(error, LLMAPIError)
    return error


@pytest.mark.parametrize("script", REFUSALS, ids=lambda script: script.name)
def test_each_refusal_has_its_class_and_facts(script: Script) -> None:
    error = refused(script.status, script.plain, **dict(script.headers))
    assert type(error) is script.error
    for name, value in script.expected.items():
        assert getattr(error, name) == value, name
    assert error.provider == "api.anthropic.com"
    assert error.body == script.plain


def test_request_id_of_the_body_does_where_the_header_is_missing() -> None:
    error = refused(500, wire.error("api_error", "Oops"))
    assert error.request_id == "req_011CSHoEeqs5C35K2UUqR7Fy"


def test_key_in_an_error_is_masked() -> None:
    error = refused(401, wire.error("authentication_error", f"no key {KEY}"))
    assert KEY not in f"{error!r} {vars(error)}"
    assert "no key **********" in error.message


HOSTILE: dict[str, bytes] = {
    "empty": b"",
    "html": b"<html>Bad gateway</html>",
    "null": b"null",
    "list": b"[1]",
    "error that is a list": b'{"error": [1]}',
    "error that is text": b'{"error": "no"}',
    "type that is a list": b'{"error": {"type": [1], "message": [2], "details": [3]}}',
    "code that is a list": b'{"error": {"details": {"error_code": [1]}}, "request_id": [1]}',
    "deep": b'{"error": ' * 100_000,
    "huge number": b'{"error": {"code": %s}}' % (b"9" * 9999),
    "half an emoji": b'{"error": {"type": "api_error", "message": "\\ud83d"}}',
}
CLASSES = {
    400: InvalidRequestError,
    401: LLMAuthError,
    404: InvalidRequestError,
    429: LLMRateLimitError,
    529: LLMServerError,
}


@pytest.mark.parametrize("body", HOSTILE.values(), ids=HOSTILE)
@pytest.mark.parametrize(("status", "error"), CLASSES.items(), ids=map(str, CLASSES))
def test_status_decides_where_the_body_says_nothing(
    status: int, error: type[LLMAPIError], body: bytes
) -> None:
    found = refused(status, body)
    assert type(found) is error
    assert found.status_code == status
    json.dumps(found.message).encode()


@pytest.mark.parametrize("status", [429, 500, 502, 503, 504, 529])
def test_passing_troubles_are_tried_again(status: int) -> None:
    assert status in Anthropic.retried_statuses
