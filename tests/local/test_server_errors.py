"""Errors of ours as HTTP answers."""

from __future__ import annotations

import pytest

from LLM.exceptions import (
    InvalidRequestError,
    LLMAuthError,
    LLMConnectionError,
    LLMError,
    LLMServerError,
    LLMTimeoutError,
    ModelNotFoundError,
)
from local_llm_kit.server.errors import describe

CASES = [
    pytest.param(LLMAuthError("no", status_code=401), 502, "upstream_refused", id="its key"),
    pytest.param(LLMAuthError("no", status_code=403), 502, "upstream_refused", id="its rights"),
    pytest.param(LLMConnectionError("gone"), 502, "upstream_unreachable", id="unreachable"),
    pytest.param(LLMTimeoutError("slow", code="total"), 504, "upstream_timeout", id="too slow"),
    pytest.param(ModelNotFoundError("no"), 404, "model_not_found", id="no model"),
    pytest.param(InvalidRequestError("no", status_code=422), 422, None, id="own status"),
    pytest.param(LLMServerError("odd", status_code=200), 500, None, id="a status of success"),
    pytest.param(LLMServerError("odd", status_code=999), 500, None, id="no status at all"),
]


@pytest.mark.parametrize(("error", "status", "code"), CASES)
def test_an_error_has_the_status_of_who_is_to_blame(
    error: LLMError, status: int, code: str | None
) -> None:
    found, body = describe(error)
    assert (found, body["error"]["code"]) == (status, code)
    assert body["error"]["message"] == error.message
