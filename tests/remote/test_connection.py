"""Servers that refuse, reset, hang up, or speak something that is no HTTP."""

from __future__ import annotations

import socket

import pytest

from LLM import LLMConnectionError, LLMError, LLMResponseError
from tests.remote import wire
from tests.remote.scripted_server import close, flood, reset


def _free_port_url() -> str:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_refused_connection_is_tried_again_and_named(call, failure, sleeps):
    error = failure(call, _free_port_url(), max_retries=2)
    assert type(error) is LLMConnectionError
    assert error.code == "connect"
    assert "nothing listens" in str(error)
    assert sleeps == [1.0, 2.0]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([reset], id="reset-before-answer"),
        pytest.param([close], id="closed-without-answer"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Type: appl", reset], id="reset-in-headers"),
    ],
)
def test_connection_lost_before_an_answer_is_tried_again(call, serve, failure, script):
    server = serve(script)
    error = failure(call, server, max_retries=2)
    assert type(error) is LLMConnectionError
    assert error.code == "disconnected"
    assert len(server.requests) == 3
    assert len(set(server.bodies)) == 1


def test_connection_reset_on_accept_is_a_connection_error(call, serve, failure):
    server = serve(b"", on_connect=[reset])
    assert isinstance(failure(call, server, max_retries=1), LLMConnectionError)
    assert server.connections == 2


def test_call_recovers_from_a_lost_connection(call, serve, client, sleeps):
    server = serve([reset], [close], call.good)
    assert call.run(client(server, max_retries=2))
    assert sleeps == [1.0, 2.0]


@pytest.mark.parametrize(
    "script",
    [
        pytest.param([wire.answer(b'{"id"', content_length="99"), reset], id="reset-in-body"),
        pytest.param([wire.answer(b'{"id"', content_length="99"), close], id="closed-in-body"),
        pytest.param([wire.CHUNKED + b'5\r\n{"id"\r\n', reset], id="reset-between-chunks"),
        pytest.param([wire.CHUNKED + b'9\r\n{"id"', close], id="closed-in-chunk"),
        pytest.param([wire.UNTIL_CLOSE + b'data: {"id"', reset], id="reset-until-close"),
        pytest.param([wire.UNTIL_CLOSE + b'data: {"id"', close], id="cut-until-close"),
        pytest.param([b"HTTP/1.1 200 OK\r\nContent-Ty", close], id="closed-in-headers"),
    ],
)
def test_cut_body_is_a_response_error_and_not_tried_again(call, serve, failure, script):
    server = serve(script)
    assert type(failure(call, server, max_retries=3)) is LLMResponseError
    assert len(server.requests) == 1


def test_stale_connection_is_replaced_without_a_retry(call, serve, client, sleeps):
    server = serve(call.good)
    llm = client(server)
    call.run(llm)
    server.drop_idle()
    call.run(llm)
    assert (server.connections, len(server.requests)) == (2, 2)
    assert sleeps == []


def test_connection_is_reused(call, serve, client):
    server = serve(call.good)
    llm = client(server)
    for _ in range(5):
        call.run(llm)
    assert (server.connections, len(server.requests)) == (1, 5)


@pytest.mark.parametrize("size", [0, 300_000], ids=["buffered", "left-in-socket"])
def test_surplus_answer_is_not_taken_for_the_next_call(call, serve, client, size):
    smuggled = wire.answer({"error": {"message": "x" * size}}, 500)
    server = serve(call.good + smuggled, call.good)
    llm = client(server)
    call.run(llm)
    call.run(llm)
    assert len(server.requests) == 2


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b"SSH-2.0-OpenSSH_9.9\r\n", id="ssh"),
        pytest.param(b"<html><body>Hello</body></html>\r\n", id="http-0.9"),
        pytest.param(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", id="http-2-preface"),
        pytest.param(b"\x00\x00\x12\x04\x00\x00\x00\x00\x00" + b"\x00" * 18, id="http-2-frame"),
        pytest.param(b"\x15\x03\x01\x00\x02\x02\x46", id="tls-alert"),
        pytest.param(b"\xff\xfe\x00garbage\r\n\r\n", id="binary"),
        pytest.param(b"HTTP/1.1\r\n\r\n", id="no-status"),
        pytest.param(b"HTTP/1.1 abc OK\r\n\r\n", id="status-no-number"),
        pytest.param(b"HTTP/1.1 -20 OK\r\n\r\n", id="status-negative"),
        pytest.param(b"HTTP/1.1 1000 OK\r\n\r\n", id="status-1000"),
        pytest.param(b"HTTP/9.9 200 OK\r\nContent-Length: 0\r\n\r\n", id="http-9.9"),
        pytest.param(b"HTTP/1.1 " + b"2" * 200_000 + b" OK\r\n\r\n", id="endless-status"),
        pytest.param(b"A" * 200_000, id="one-endless-line"),
    ],
)
def test_what_is_no_http_is_a_response_error(call, serve, failure, greeting):
    server = serve([greeting, close])
    error = failure(call, server, max_retries=2)
    assert type(error) is LLMResponseError
    assert len(str(error).encode()) < 8192
    assert len(server.requests) == 1


def test_empty_lines_are_no_answer(call, serve, failure):
    # RFC 9112, section 2.2, lets a recipient skip them, as aiohttp's parser does.
    error = failure(call, serve([b"\r\n\r\n\r\n\r\n", close]))
    assert isinstance(error, (LLMResponseError, LLMConnectionError))


@pytest.mark.parametrize(
    "piece",
    [
        pytest.param(b"X-Header: value\r\n", id="endless-headers"),
        pytest.param(b"X" * 65536, id="endless-header-line"),
        pytest.param(b"X-Header: " + b"v" * 60_000 + b"\r\n", id="endless-long-headers"),
    ],
)
def test_endless_headers_end(call, serve, failure, piece):
    server = serve([b"HTTP/1.1 200 OK\r\n", flood(piece)])
    assert type(failure(call, server, timeout=2.0)) is LLMResponseError


def test_header_flood_is_refused(call, serve, failure):
    server = serve([wire.answer(b"{}", headers=[(f"X-{n}", "v" * 100) for n in range(5000)])])
    assert type(failure(call, server)) is LLMResponseError


@pytest.mark.parametrize("status", [100, 102, 103, 104, 199])
def test_interim_answers_are_skipped(call, serve, client, status):
    interim = f"HTTP/1.1 {status} X\r\nLink: </x>\r\n\r\n".encode()
    assert call.run(client(serve(interim * 3 + call.good)))


def test_interim_answers_alone_are_no_answer(call, serve, failure):
    server = serve([b"HTTP/1.1 103 Early Hints\r\n\r\n" * 3, close])
    assert isinstance(failure(call, server), LLMError)


def test_refusal_before_the_prompt_is_read_arrives(serve, client):
    refusal = wire.answer({"error": {"message": "too large"}}, 413)
    server = serve(b"", on_connect=[refusal, close])
    with pytest.raises(LLMError) as caught:
        client(server).chat_completion([{"role": "user", "content": "x" * 5_000_000}])
    # The system may drop the answer when it resets the connection; both are honest.
    assert caught.value.status_code == 413 or isinstance(caught.value, LLMConnectionError)
