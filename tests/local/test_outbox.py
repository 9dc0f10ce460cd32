"""When callers are given what was made for them."""

from __future__ import annotations

from local_llm_kit.engines.outbox import PATIENCE_S, Outbox
from local_llm_kit.engines.protocol import Delta, Event, Sink


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def refuse(sink: Sink) -> None:
    raise AssertionError("no sink fails here")


def test_events_wait_for_more_but_not_for_long() -> None:
    clock, got = Clock(), list[list[Event]]()
    outbox = Outbox(clock)
    outbox.add(got.append, (Delta("a", "one"),), urgent=False)
    assert outbox.is_due
    outbox.hand_over(refuse)
    outbox.add(got.append, (Delta("a", "two"),), urgent=False)
    clock.now += PATIENCE_S / 2
    outbox.add(got.append, (Delta("a", "three"),), urgent=False)
    assert not outbox.is_due
    clock.now += PATIENCE_S
    assert outbox.is_due
    outbox.hand_over(refuse)
    assert [[event.text for event in events] for events in got] == [["one"], ["two", "three"]]


def test_an_urgent_event_takes_the_others_with_it() -> None:
    clock, got = Clock(), list[list[Event]]()
    outbox = Outbox(clock)
    outbox.hand_over(refuse)
    outbox.add(got.append, (Delta("a", "one"),), urgent=True)
    outbox.hand_over(refuse)
    outbox.add(got.append, (Delta("a", "two"),), urgent=False)
    assert not outbox.is_due
    outbox.add(got.append, (Delta("b", "first"),), urgent=True)
    assert outbox.is_due
    outbox.hand_over(refuse)
    assert [len(events) for events in got] == [1, 2]
    assert not outbox.is_due


def test_a_sink_that_fails_costs_the_others_nothing() -> None:
    failed: list[Sink] = []
    got: list[list[Event]] = []

    def broken(events: list[Event]) -> None:
        raise RuntimeError("gone")

    outbox = Outbox(Clock())
    outbox.add(broken, (Delta("a", "one"),), urgent=True)
    outbox.add(got.append, (Delta("b", "two"),), urgent=True)
    outbox.hand_over(failed.append)
    assert failed == [broken]
    assert got == [[Delta("b", "two")]]
