"""Many requests of one call, a few at a time."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from LLM import LLMRateLimitError, LLMServerError
from local_llm_kit.engines.protocol import Event, Failed, Finished, GenerationRequest, Sink
from local_llm_kit.waves import Waves


class FakeEngine:
    """Takes requests, a bounded number at once, and ends them when it is told to."""

    def __init__(self, room: int) -> None:
        self.room = room
        self.running: dict[Any, Sink] = {}
        self.cancelled: list[Any] = []

    def submit(self, request: GenerationRequest, sink: Sink) -> Any:
        if len(self.running) >= self.room:
            raise LLMRateLimitError("full", status_code=429)
        self.running[request.tag] = sink
        return FakeHandle(self, request.tag)

    def end(self, tag: Any) -> None:
        self.running.pop(tag)([Finished(tag, "length", 1, 0, 0)])

    def fail(self, tag: Any) -> None:
        self.running.pop(tag)([Failed(tag, LLMServerError("broken"))])


class FakeHandle:
    def __init__(self, engine: FakeEngine, tag: Any) -> None:
        self._engine = engine
        self._tag = tag

    def cancel(self) -> None:
        self._engine.cancelled.append(self._tag)


def requests(n: int) -> Iterator[GenerationRequest]:
    return (GenerationRequest([1], tag=i) for i in range(n))


def started(engine: FakeEngine, n: int, n_at_once: int) -> tuple[Waves, list[Event]]:
    events: list[Event] = []
    waves = Waves(engine, requests(n), events.extend)  # type: ignore[arg-type]
    waves.start(n_at_once)
    return waves, events


def test_each_end_lets_the_next_one_in() -> None:
    engine = FakeEngine(room=10)
    _, events = started(engine, 5, n_at_once=2)
    assert list(engine.running) == [0, 1]
    engine.end(1)
    assert list(engine.running) == [0, 2]
    while engine.running:
        engine.end(next(iter(engine.running)))
    assert sorted(event.tag for event in events) == [0, 1, 2, 3, 4]


def test_fewer_requests_than_places_are_all_submitted() -> None:
    engine = FakeEngine(room=10)
    started(engine, 2, n_at_once=8)
    assert list(engine.running) == [0, 1]


def test_a_queue_that_others_fill_is_waited_for() -> None:
    engine = FakeEngine(room=1)
    _, events = started(engine, 3, n_at_once=2)
    assert list(engine.running) == [0]
    for tag in range(3):
        engine.end(tag)
    assert [event.tag for event in events] == [0, 1, 2]


def test_no_place_at_all_is_an_error_at_once() -> None:
    with pytest.raises(LLMRateLimitError):
        started(FakeEngine(room=0), 3, n_at_once=2)


def test_a_place_that_is_lost_to_others_fails_the_call() -> None:
    engine = FakeEngine(room=1)
    _, events = started(engine, 3, n_at_once=1)
    engine.room = 0
    engine.end(0)
    assert isinstance(events[-1], Failed)
    assert isinstance(events[-1].error, LLMRateLimitError)


def test_a_request_that_fails_stops_the_others() -> None:
    engine = FakeEngine(room=10)
    _, events = started(engine, 9, n_at_once=3)
    engine.fail(1)
    assert sorted(engine.cancelled) == [0, 2]
    engine.end(0)
    assert list(engine.running) == [2]
    assert [type(event) for event in events] == [Failed, Finished]


def test_cancelling_stops_what_runs_and_submits_no_more() -> None:
    engine = FakeEngine(room=10)
    waves, _ = started(engine, 9, n_at_once=3)
    waves.cancel()
    waves.cancel()
    assert engine.cancelled == [0, 1, 2]
    engine.end(0)
    assert list(engine.running) == [1, 2]
