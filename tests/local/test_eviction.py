"""What goes for a new model, decided over snapshots."""

from __future__ import annotations

import pytest

from local_llm_kit.eviction import (
    Evict,
    Full,
    Holding,
    Load,
    Step,
    Wait,
    expired,
    make_room,
    next_expiry,
)

IDLE = Holding("idle", 4, idle_since=10.0)
OLDER = Holding("older", 4, idle_since=5.0)
USED = Holding("used", 4, n_leases=1)
LOADING = Holding("loading", 4, state="loading")
WAITING = Holding("waiting", 0, state="waiting")
CLOSING = Holding("closing", 4, state="closing")


@pytest.mark.parametrize(
    ("wanted", "others", "budget", "most", "step"),
    [
        (0, [USED, IDLE], None, None, Load()),
        (6, [IDLE], 10, None, Load()),
        (7, [IDLE], 10, None, Evict("idle")),
        (5, [IDLE, OLDER], 10, None, Evict("older")),
        (7, [CLOSING], 10, None, Wait()),
        (7, [CLOSING, IDLE], 12, None, Wait()),
        (7, [USED], 10, None, Full(6, ("used",))),
        (7, [USED, IDLE], 10, None, Full(6, ("used",))),
        (7, [LOADING], 10, None, Full(6, ("loading",))),
        (7, [WAITING], 10, None, Load()),
        (0, [IDLE], None, 1, Evict("idle")),
        (0, [USED], None, 1, Full(None, ("used",))),
        (0, [CLOSING], None, 1, Wait()),
        (0, [WAITING], None, 1, Load()),
    ],
    ids=[
        "no bounds",
        "room beside an idle one",
        "an idle one goes",
        "the longest idle one goes",
        "a closing one makes room",
        "nothing more is closed while one is",
        "a used one stays",
        "nothing is closed in vain",
        "one that loads counts as used",
        "one that waits has nothing",
        "the number is bounded",
        "all places are used",
        "a place becomes free",
        "one that waits has no place",
    ],
)
def test_room_is_made_step_by_step(
    wanted: int, others: list[Holding], budget: int | None, most: int | None, step: Step
) -> None:
    assert make_room(wanted, others, budget, most) == step


def test_models_expire_after_the_keep_alive() -> None:
    holdings = [IDLE, OLDER, USED, LOADING]
    assert expired(holdings, 5.0, now=9.9) == []
    assert expired(holdings, 5.0, now=10.0) == ["older"]
    assert expired(holdings, 5.0, now=15.0) == ["idle", "older"]


def test_the_next_expiry_is_that_of_the_longest_idle_model() -> None:
    assert next_expiry([IDLE, OLDER, USED], 5.0) == 10.0
    assert next_expiry([USED], 5.0) is None
