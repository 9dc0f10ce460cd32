"""Closing a client or its session in the middle of things."""

from __future__ import annotations

import pytest

from LLM import LLMConfigError, LLMError
from tests.remote import wire
from tests.remote.conftest import MESSAGES
from tests.remote.scripted_server import wait

EVENTS = [wire.CHUNKED, *wire.cut(wire.chunked(wire.cut(wire.CHAT_EVENTS, 300)), 200)]


@pytest.mark.parametrize("end", ["close", "reset_session"])
def test_open_stream_is_whole_or_an_error_when_its_client_ends(serve, client, end):
    llm = client(serve([step for piece in EVENTS for step in (piece, wait(0.02))]))
    stream = llm.chat_completion(MESSAGES, stream=True)
    next(stream)
    getattr(llm, end)()
    assert stream.response.text == "Hello!"


def test_closed_client_sends_nothing(call, serve, client):
    server = serve(call.good)
    llm = client(server)
    llm.close()
    llm.close()
    with pytest.raises(LLMConfigError, match="closed"):
        call.run(llm)
    assert server.connections == 0


def test_client_goes_on_after_a_reset(call, serve, client):
    server = serve(call.good)
    llm = client(server)
    call.run(llm)
    llm.reset_session()
    assert llm.get_request_count() == 0
    assert call.run(llm)
    assert server.connections == 2


@pytest.mark.parametrize("interrupt", [KeyboardInterrupt, SystemExit, MemoryError])
def test_interrupt_is_not_swallowed_and_frees_the_connection(serve, client, monkeypatch, interrupt):
    server = serve(wire.answer(b"", 500), wire.answer(wire.CHAT))
    llm = client(server, max_retries=1, max_total_tokens=100)

    def interrupted(seconds: float) -> None:
        raise interrupt

    monkeypatch.setattr("time.sleep", interrupted)
    with pytest.raises(interrupt):
        llm.chat_completion(MESSAGES)
    assert llm.chat_completion(MESSAGES).text == "Hello!"
    llm.usage.reserve(95)


def test_stream_closed_before_anything_arrived_has_no_response(serve, client):
    stream = client(serve(wire.stream_answer(wire.CHAT_EVENTS))).chat_completion(
        MESSAGES, stream=True
    )
    stream.close()
    with pytest.raises(LLMError, match="closed before"):
        stream.response  # noqa: B018  # reads it
