"""Closing a client or its session in the middle of things."""

from __future__ import annotations

import contextlib
import json
import os
import threading

import pytest

from LLM import LLMConfigError, LLMError
from tests import worlds
from tests.remote import wire
from tests.remote.conftest import MESSAGES
from tests.remote.scripted_server import hang, wait

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
@worlds.blocking_only
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


def test_a_reset_does_not_open_a_closed_client(serve, client):
    llm = client(serve(wire.answer(wire.CHAT)))
    llm.close()
    llm.reset_session()
    with pytest.raises(LLMConfigError, match="closed"):
        llm.chat_completion(MESSAGES)


@worlds.blocking_only
def test_closing_a_stream_wakes_the_thread_that_waits_in_it(serve, client):
    stream = client(serve([EVENTS[0], EVENTS[1], hang]), timeout=8.0).chat_completion(
        MESSAGES, stream=True
    )
    woken = threading.Event()

    def read() -> None:
        with contextlib.suppress(LLMError, ValueError):
            list(stream)
        woken.set()

    reader = threading.Thread(target=read)
    reader.start()
    # The stand-in for sleep returns at once, so an event that nobody sets makes the pause.
    threading.Event().wait(0.2)
    stream.close()
    assert woken.wait(4.0)
    reader.join()


@worlds.blocking_only
@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_parent_and_child_of_a_fork_never_get_each_others_answers(serve, client):
    llm = client(serve(lambda request: wire.answer(echo(request.body))))
    ask(llm, "warm")
    child = os.fork()
    name = "parent" if child else "child"
    wrong = [n for n in range(40) if ask(llm, f"{name} {n}") != f"{name} {n}"]
    if not child:
        os._exit(1 if wrong else 0)
    assert (wrong, os.waitpid(child, 0)[1]) == ([], 0)


def ask(llm, text):
    return llm.chat_completion([{"role": "user", "content": text}]).text


def echo(body):
    text = json.loads(body)["messages"][0]["content"]
    return {"choices": [{"message": {"role": "assistant", "content": text}}]}
