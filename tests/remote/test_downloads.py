"""Files that are read bit by bit, by GET."""

from __future__ import annotations

import pytest

from LLM.answer import Answer
from LLM.exceptions import LLMResponseError, LLMTimeoutError
from LLM.transport import Transport
from tests.remote.scripted_server import ScriptedServer, wait

HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n"


def download(server: ScriptedServer, max_bytes: int = 100) -> bytes:
    transport = Transport(server.url + "/v1", {"Authorization": "Bearer k"})
    answer = transport.download("/files/1/content", timeout_s=0.8, max_bytes=max_bytes)
    assert not isinstance(answer, Answer)
    try:
        return b"".join(answer.pieces())
    finally:
        answer.close()
        transport.close()


def test_a_file_is_asked_for_with_get_and_the_clients_headers() -> None:
    with ScriptedServer(((HEAD + b"hello world",),)) as server:
        assert download(server) == b"hello world"
        request = server.requests[0]
        assert (request.method, request.path) == ("GET", "/v1/files/1/content")
        assert request.headers["authorization"] == "Bearer k"


def test_a_file_larger_than_its_bound_is_not_read_on() -> None:
    with (
        ScriptedServer(((HEAD + b"hello world",),)) as server,
        pytest.raises(LLMResponseError, match="passed 5 bytes"),
    ):
        download(server, max_bytes=5)


def test_a_file_that_stops_half_way_meets_the_gap() -> None:
    with (
        ScriptedServer(([HEAD + b"hello", wait(5.0)],)) as server,
        pytest.raises(LLMTimeoutError) as caught,
    ):
        download(server)
    assert caught.value.deadline == "between_chunks"


def test_a_refusal_comes_whole() -> None:
    gone = b"HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone"
    with ScriptedServer((gone,)) as server:
        transport = Transport(server.url, {})
        answer = transport.download("/files/1/content", timeout_s=5.0)
        assert isinstance(answer, Answer)
        assert (answer.status, answer.body) == (404, b"gone")
        transport.close()
