"""Streams that fail: taken over until the caller is told something, then an error."""

from __future__ import annotations

import pytest

from llmring import caller, exceptions
from tests.llmring.pools import MESSAGES, MODELS, cut, error_of, good, outcomes, refusal
from tests.remote import wire
from tests.remote.scripted_server import close, wait

pytestmark = [pytest.mark.usefixtures("sleeps"), pytest.mark.slow]


@pytest.mark.parametrize("n_failing", [1, 2])
def test_a_stream_that_is_cut_before_its_text_is_taken_over(pool, n_failing):
    scripts = [cut(after_text=False) if n < n_failing else good for n in range(3)]
    ring = pool(*scripts)
    text, attempts = ring.ask(True)
    assert text == "Hello!"
    assert [one["outcome"] for one in attempts] == ["failed"] * n_failing + ["answered"]


@pytest.mark.parametrize("model", MODELS)
def test_a_stream_that_is_cut_after_its_text_is_an_error(pool, model):
    ring = pool(*[cut(after_text=True)] * 3)
    with pytest.raises(exceptions.ProviderAnswerError) as caught:
        ring.chunks(model)
    provider = model.partition(":")[0]
    assert outcomes(caught.value.details["attempts"]) == [(provider, "ProviderAnswerError")]
    assert sum(ring.n_requests) == 1
    assert ring.ring._caller.failover.breaker(model).failure_count == 1


def test_a_stream_that_was_cut_has_told_its_text_and_is_over(pool):
    ring = pool(cut(after_text=True), good)

    async def read() -> list[str]:
        stream = ring.ring.chat_stream("pool", messages=MESSAGES)
        told = [(await anext(stream)).delta]
        with pytest.raises(exceptions.ProviderAnswerError):
            await anext(stream)
        return told + [chunk.delta async for chunk in stream]

    assert (ring.run(read), ring.n_requests) == (["Hel"], [1, 0])


def test_a_stream_without_text_is_held_within_bounds(pool, monkeypatch):
    monkeypatch.setattr(caller, "_MAX_BEGUN", 3)
    call = {"index": 0, "id": "call_1", "function": {"name": "f", "arguments": "{"}}
    choice = {"index": 0, "delta": {"tool_calls": [call]}, "finish_reason": None}
    event = wire.event({**wire.chunk(""), "choices": [choice]})
    ring = pool([wire.head("Connection: close"), event * 9, close], good)
    error = error_of(ring, True)
    # What was held has been told of, so nobody takes over.
    assert isinstance(error, exceptions.ProviderAnswerError)
    assert ring.n_requests == [1, 0]


def test_a_gap_in_a_stream_is_bounded(pool):
    def stalls(request):
        return [*cut(after_text=True)(request)[:-1], wait(5.0)]

    ring = pool(stalls, good, timeout=0.6)
    error = error_of(ring, True)
    assert isinstance(error, exceptions.ProviderTimeoutError)
    assert (error.deadline, ring.n_requests) == ("between_chunks", [1, 0])


def test_an_error_inside_a_stream_before_its_text_is_taken_over(pool):
    overloaded = {"type": "error", "error": {"type": "overloaded_error", "message": "no"}}

    def breaks(request):
        start = cut(after_text=False)(request)
        return [*start[:-1], wire.event(overloaded, "error"), close]

    ring = pool(refusal(503), breaks, good)
    _, attempts = ring.ask(True)
    assert ring.n_requests == [1, 1, 1]
    assert (attempts[1]["error"], attempts[1]["status_code"]) == ("ProviderServerError", 529)


def test_calls_of_tools_are_taken_over_until_they_are_complete(pool):
    piece = {"index": 0, "id": "c", "function": {"name": "f", "arguments": '{"a":'}}
    begun = wire.UNTIL_CLOSE + wire.event(wire.chunk(tool_calls=[piece]))
    ring = pool([begun, close], good)
    text, attempts = ring.ask(True)
    assert (text, [one["outcome"] for one in attempts]) == ("Hello!", ["failed", "answered"])
