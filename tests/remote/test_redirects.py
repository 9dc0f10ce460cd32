"""Redirects are never followed: they would carry the prompt and the key elsewhere."""

from __future__ import annotations

import pytest

from LLM import LLMAPIError
from tests.remote import wire
from tests.remote.scripted_server import flood


@pytest.mark.parametrize("status", [300, 301, 302, 303, 304, 307, 308])
@pytest.mark.parametrize("cross", [True, False], ids=["cross-origin", "same-origin"])
def test_redirect_is_an_error_and_nobody_else_is_asked(call, serve, failure, status, cross):
    trap = serve(call.good)
    location = f"{trap.url}/v1/elsewhere" if cross else "/v1/elsewhere"
    server = serve(wire.answer(b"", status, [("Location", location)]), call.good)
    error = failure(call, server, max_retries=3)
    assert isinstance(error, LLMAPIError)
    assert error.status_code == status
    assert trap.connections == 0
    assert len(server.requests) == 1


@pytest.mark.parametrize(
    "location", ["", "::::", "http://", "//[", "\x7f", "file:///etc/passwd", "x" * 60_000]
)
def test_odd_location_is_an_error_like_any_other(call, serve, failure, location):
    server = serve(wire.answer(b"", 302, [("Location", location)]))
    assert failure(call, server).status_code == 302


def test_redirect_with_an_endless_body_does_not_hang(call, serve, failure):
    head = wire.head("Location: /elsewhere", status=307)
    server = serve([head, flood(b"x" * 65536)])
    assert failure(call, server).status_code == 307


def test_cookies_are_not_sent_back(call, serve, client):
    good = call.good.replace(b"\r\n", b"\r\nSet-Cookie: session=abc; Path=/\r\n", 1)
    server = serve(good)
    llm = client(server)
    call.run(llm)
    call.run(llm)
    assert "cookie" not in server.requests[1].headers
