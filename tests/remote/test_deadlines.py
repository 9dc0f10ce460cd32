"""Servers that answer too slowly, bit by bit, or never: each call ends at its deadline."""

from __future__ import annotations

import time

import pytest

from LLM import LLMAuthError, LLMTimeoutError
from tests.remote import wire
from tests.remote.conftest import CALLS, MESSAGES, TIMEOUT_S
from tests.remote.scripted_server import drip, flood, hang, wait

pytestmark = pytest.mark.slow

#: A busy machine may be this late; what a missed deadline would wait for takes 5 s and more.
SLACK_S = 3.5

SCRIPTS = {
    "never-answers": [hang],
    "drips-status-line": [drip(b"HTTP/1.1 200 " + b"O" * 400)],
    "drips-headers": [b"HTTP/1.1 200 OK\r\n", drip([b"X-A: b\r\n"] * 90, 0.1)],
    "drips-one-header": [b"HTTP/1.1 200 OK\r\nX-A: ", drip(b"b" * 400)],
    "endless-continue": [flood(b"HTTP/1.1 100 Continue\r\n\r\n")],
    "drips-continue": [drip([b"HTTP/1.1 100 Continue\r\n\r\n"] * 400)],
    "stops-after-headers": [wire.answer(b"", content_length="100"), hang],
    "stops-in-body": [wire.answer(b'{"id":', content_length="100"), hang],
    "drips-body": [wire.answer(b"", content_length="400"), drip(b" " * 400)],
    "drips-body-until-close": [wire.UNTIL_CLOSE, drip(b" " * 400)],
    "drips-chunks": [wire.CHUNKED, drip([b"1\r\n \r\n"] * 400)],
    "drips-chunk-size": [wire.CHUNKED, drip(b"0" * 14 + b"1;" + b"x" * 400)],
    "drips-trailers": [
        wire.CHUNKED + b"0\r\n",
        drip([b"X-Trailer: value\r\n"] * 400),
    ],
}


@pytest.mark.parametrize("script", SCRIPTS.values(), ids=SCRIPTS)
@pytest.mark.parametrize("kind", ["chat", "completion-stream"])
def test_slow_answer_ends_at_the_deadline(kind, serve, client, script):
    call = CALLS[kind]
    server = serve(script)
    llm = client(server, timeout=0.25, max_retries=3)
    start = time.monotonic()
    with pytest.raises(LLMTimeoutError, match=r"within 0\.25 s"):
        call.run(llm)
    assert 0.24 < time.monotonic() - start < SLACK_S
    assert len(server.requests) == 1, "a call that may have been billed was repeated"


def test_refusal_whose_body_drips_is_raised_at_the_deadline(call, serve, client):
    server = serve([wire.answer(b"", 401, content_length="400"), drip(b" " * 400)])
    start = time.monotonic()
    with pytest.raises(LLMAuthError):
        call.run(client(server, timeout=0.5))
    assert time.monotonic() - start < 0.5 + SLACK_S


def test_timeout_is_retried_when_asked(call, serve, client):
    server = serve([hang], call.good)
    assert call.run(client(server, timeout=TIMEOUT_S, max_retries=9, retry_timeouts=True))
    assert len(server.bodies) > 1
    assert len(set(server.bodies)) == 1


@pytest.mark.parametrize(
    ("script", "deadline"),
    [
        pytest.param([hang], "first_byte", id="first-byte"),
        pytest.param([wire.answer(b"{", content_length="99"), hang], "total", id="total"),
    ],
)
def test_timeout_names_its_deadline(serve, client, script, deadline):
    with pytest.raises(LLMTimeoutError) as caught:
        client(serve(script), timeout=0.5).chat_completion(MESSAGES)
    assert caught.value.deadline == deadline


STREAM_DRIPS = {
    "never-an-event": [hang],
    "bytes": [drip(wire.event(wire.chunk("x" * 400)))],
    "comments": [drip([b": still here\n\n"] * 400)],
    "empty-lines": [drip([b"\n"] * 400)],
    "ids-and-retries": [drip([b"id: 1\nretry: 5\n\n"] * 400)],
    "event-names": [drip([b"event: ping\n\n"] * 400)],
}


CHUNK_DRIPS = {"never-an-event": [hang], "bytes": [drip([b"1\r\n:\r\n"] * 400)]}


@pytest.mark.parametrize(
    ("head", "steps"),
    [
        *[pytest.param(wire.UNTIL_CLOSE, it, id=name) for name, it in STREAM_DRIPS.items()],
        *[pytest.param(wire.CHUNKED, it, id=f"chunked-{n}") for n, it in CHUNK_DRIPS.items()],
    ],
)
@pytest.mark.parametrize("after", [b"", wire.event(wire.chunk("Hel"))], ids=["first", "later"])
def test_stream_without_a_new_event_ends_at_the_gap(serve, client, head, after, steps):
    if head is wire.CHUNKED and after:
        after = b"%x\r\n%b\r\n" % (len(after), after)
    # Long enough that what does come at once has come.
    stream = client(serve([head + after, *steps]), timeout=0.5).chat_completion(
        MESSAGES, stream=True
    )
    start = time.monotonic()
    with pytest.raises(LLMTimeoutError) as caught:
        list(stream)
    assert caught.value.deadline == "between_chunks"
    assert time.monotonic() - start < 0.5 + SLACK_S
    assert stream.text == ("Hel" if after else "")


FLOODS = {
    "comments": b": still here\n\n",
    "empty-lines": b"\n" * 100,
    "ids": b"id: 1\nretry: 5\n\n",
    "names": b"event: ping\n\n",
    "stray-lines": b"ping\n\n",
}


@pytest.mark.parametrize("piece", FLOODS.values(), ids=FLOODS)
@pytest.mark.parametrize("head", [wire.UNTIL_CLOSE, wire.CHUNKED], ids=["until-close", "chunked"])
def test_flood_without_an_event_ends_at_the_gap(serve, client, head, piece):
    if head is wire.CHUNKED:
        piece = b"%x\r\n%b\r\n" % (len(piece), piece)
    llm = client(serve([head, flood(piece * 100)]), timeout=TIMEOUT_S)
    start = time.monotonic()
    with pytest.raises(LLMTimeoutError):
        list(llm.chat_completion(MESSAGES, stream=True))
    assert time.monotonic() - start < TIMEOUT_S + SLACK_S


def test_stream_longer_than_its_timeout_is_not_cut(serve, client):
    words = [wire.event(wire.chunk(str(n))) for n in range(10)]
    steps = [step for word in words for step in (word, wait(0.15))]
    server = serve([wire.UNTIL_CLOSE, *steps, wire.event(wire.chunk(finish="stop")) + wire.DONE])
    start = time.monotonic()
    stream = client(server, timeout=1.0).chat_completion(MESSAGES, stream=True)
    assert stream.response.text == "0123456789"
    assert time.monotonic() - start > 1.4


def test_slow_reader_is_not_taken_for_a_slow_server(serve, client):
    events = wire.cut(wire.CHAT_EVENTS, 200)
    server = serve([wire.UNTIL_CLOSE, *[s for e in events for s in (e, wait(0.05))]])
    stream = client(server, timeout=0.6).chat_completion(MESSAGES, stream=True)
    pause = server._stopping.wait
    for n, _ in enumerate(stream):
        if n == 1:
            pause(0.7)
    assert stream.response.text == "Hello!"


@pytest.mark.parametrize("kind", ["chat-stream", "completion-stream"])
@pytest.mark.parametrize("rest", [hang, drip(b": x\n" * 400)], ids=["silent", "comments"])
def test_server_that_stays_open_after_done_holds_nobody(serve, client, kind, rest):
    call = CALLS[kind]
    body = wire.CHAT_EVENTS if kind == "chat-stream" else wire.COMPLETION_EVENTS
    start = time.monotonic()
    assert call.run(client(serve([wire.UNTIL_CLOSE + body, rest]))).text == "Hello!"
    assert time.monotonic() - start < SLACK_S


def test_server_that_never_reads_meets_the_deadline(serve, client):
    server = serve(b"", on_connect=[wait(5.0)])
    llm = client(server, timeout=TIMEOUT_S)
    start = time.monotonic()
    with pytest.raises(LLMTimeoutError):
        llm.chat_completion([{"role": "user", "content": "x" * 20_000_000}])
    assert time.monotonic() - start < TIMEOUT_S + SLACK_S


def test_timeout_of_a_call_replaces_the_configured_one(call, serve, client):
    llm = client(serve([hang]), timeout=60.0)
    start = time.monotonic()
    with pytest.raises(LLMTimeoutError):
        llm.chat_completion(MESSAGES, timeout=0.2, stream=call.streamed)
    assert time.monotonic() - start < SLACK_S
