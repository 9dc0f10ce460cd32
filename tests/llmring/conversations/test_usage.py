"""The usage log in a store."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from llmring.conversations import UsageFilter, UsageRecord
from llmring.exceptions import ValidationError
from tests.llmring.conversations.stores import BlockingStore

pytestmark = pytest.mark.slow

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def record(hours: float = 0, **fields: Any) -> UsageRecord:
    made = {"model": "a", "provider": "openai", "timestamp": NOON + timedelta(hours=hours)}
    return UsageRecord(**{**made, **fields})


@pytest.fixture
def log(store: BlockingStore) -> BlockingStore:
    """Four calls on two days."""
    store.add_usage(
        [
            record(0, input_tokens=10, output_tokens=1, cached_input_tokens=4, cost=0.5),
            record(1, alias="fast", profile="dev", input_tokens=20, cost=1.0),
            record(12, model="b", origin="app", output_tokens=3),
            record(13, model="c", provider="google", alias="fast", cost=0.25),
        ]
    )
    return store


def test_a_record_comes_back_as_it_was(store: BlockingStore) -> None:
    made = record(alias="' OR 1=1 --", origin="a\x00\ud800", metadata={"a": [1]}, cost=1e-9)
    store.add_usage([made])
    assert store.usage() == [made]


def test_records_begin_with_the_newest(log: BlockingStore) -> None:
    assert [one.timestamp.hour for one in log.usage()] == [1, 0, 13, 12]
    assert [one.model for one in log.usage(limit=1, offset=1)] == ["b"]


def test_a_record_is_counted_once(store: BlockingStore) -> None:
    made = record(input_tokens=5)
    store.add_usage([made])
    store.add_usage([made, record(input_tokens=1)])
    assert (store.usage_totals().calls, store.usage_totals().input_tokens) == (2, 6)


def test_nothing_adds_nothing(store: BlockingStore) -> None:
    store.add_usage([])
    assert (store.usage(), store.usage_totals().calls, store.usage_by("day")) == ([], 0, [])


def test_calls_are_added_up(log: BlockingStore) -> None:
    totals = log.usage_totals()
    assert (totals.calls, totals.cost, totals.unpriced) == (4, 1.75, 1)
    assert (totals.input_tokens, totals.output_tokens, totals.cached_input_tokens) == (30, 4, 4)


GROUPS: dict[str, list[tuple[str | None, int]]] = {
    "day": [("2026-03-01", 2), ("2026-03-02", 2)],
    "model": [("openai:a", 2), ("google:c", 1), ("openai:b", 1)],
    "provider": [("openai", 3), ("google", 1)],
    "origin": [("llmring", 3), ("app", 1)],
    "alias": [("fast", 2), (None, 2)],
    "profile": [("dev", 1), (None, 3)],
}


@pytest.mark.parametrize(("group", "expected"), GROUPS.items(), ids=GROUPS)
def test_calls_are_told_by(
    log: BlockingStore, group: str, expected: list[tuple[str | None, int]]
) -> None:
    assert [(totals.key, totals.calls) for totals in log.usage_by(group)] == expected


WHICH: dict[str, tuple[dict[str, Any], int]] = {
    "from a time on": ({"since": NOON + timedelta(hours=1)}, 3),
    "before a time": ({"until": NOON + timedelta(hours=1)}, 1),
    "by a time elsewhere": (
        {"since": (NOON + timedelta(hours=12)).astimezone(timezone(timedelta(hours=-9)))}, 2
    ),
    "of a model": ({"model": "a"}, 2),
    "of an alias": ({"alias": "fast", "provider": "google"}, 1),
    "of nobody": ({"origin": "' OR 1=1 --"}, 0),
}  # fmt: skip


@pytest.mark.parametrize(("which", "n_calls"), WHICH.values(), ids=WHICH)
def test_calls_are_picked(log: BlockingStore, which: dict[str, Any], n_calls: int) -> None:
    picked = UsageFilter(**which)
    assert log.usage_totals(picked).calls == len(log.usage(picked)) == n_calls
    assert sum(totals.calls for totals in log.usage_by("model", picked)) == n_calls


def test_others_calls_are_not_told(
    log: BlockingStore, store_of: Callable[[str], BlockingStore]
) -> None:
    eve = store_of("eve")
    assert (eve.usage(), eve.usage_totals().calls, eve.usage_by("model")) == ([], 0, [])


def test_an_unknown_group_is_refused(store: BlockingStore) -> None:
    with pytest.raises(ValidationError, match="by 'owner'; by day, model"):
        store.usage_by("owner")
