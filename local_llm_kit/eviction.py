"""Which model goes when another one comes: decisions over a snapshot, without locks or clocks."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Literal

State = Literal["waiting", "loading", "ready", "closing"]


@dataclass(frozen=True, slots=True)
class Holding:
    """A model of a pool, as it is at one moment.

    :param name: what it is asked for by.
    :param size_bytes: memory that it takes, or is about to take.
    :param n_leases: who uses it.
    :param idle_since: when the last of them left, in the clock's seconds; None while it is used.
    :param state: it waits for room, is being loaded, ready, or being closed.
    """

    name: str
    size_bytes: int
    n_leases: int = 0
    idle_since: float | None = None
    state: State = "ready"

    @property
    def is_idle(self) -> bool:
        """Whether it can be closed."""
        return self.state == "ready" and not self.n_leases


@dataclass(frozen=True, slots=True)
class Load:
    """There is room: load now."""


@dataclass(frozen=True, slots=True)
class Evict:
    """Close this idle model first."""

    name: str


@dataclass(frozen=True, slots=True)
class Wait:
    """Another model is being closed, which makes room."""


@dataclass(frozen=True, slots=True)
class Full:
    """The models in use leave no room.

    :param room_bytes: what they leave; None where it is their number that fills the pool.
    :param users: their names.
    """

    room_bytes: int | None
    users: tuple[str, ...]


Step = Load | Evict | Wait | Full


def make_room(
    wanted_bytes: int,
    others: Collection[Holding],
    budget_bytes: int | None = None,
    max_models: int | None = None,
) -> Step:
    """The next step towards loading a model.

    Nothing is closed in vain: it is `Full` at once where closing all idle models would not do.

    :param wanted_bytes: what it would take; more than nothing only with a budget.
    :param others: every other model of the pool; those that wait for room themselves have none.
    """
    others = [one for one in others if one.state != "waiting"]
    users = [one for one in others if not (one.is_idle or one.state == "closing")]
    names = tuple(sorted(one.name for one in users))
    if max_models is not None and len(users) >= max_models:
        return Full(None, names)
    if budget_bytes is not None:
        left = budget_bytes - sum(one.size_bytes for one in users)
        if wanted_bytes > left:
            return Full(left, names)
    is_crowded = max_models is not None and len(others) >= max_models
    taken = sum(one.size_bytes for one in others)
    if not is_crowded and (budget_bytes is None or wanted_bytes <= budget_bytes - taken):
        return Load()
    idle = least_recently_used(others)
    return Evict(idle.name) if idle and not _is_closing(others) else Wait()


def _is_closing(others: Iterable[Holding]) -> bool:
    return any(one.state == "closing" for one in others)


def least_recently_used(holdings: Iterable[Holding]) -> Holding | None:
    """The idle model that has been idle longest; None when all are used."""
    idle = [one for one in holdings if one.is_idle]
    return min(idle, key=lambda one: one.idle_since or 0.0, default=None)


def expired(holdings: Iterable[Holding], keep_alive_s: float, now: float) -> list[str]:
    """Names of the models that have been idle for so long."""
    return [
        one.name
        for one in holdings
        if one.is_idle and one.idle_since is not None and now - one.idle_since >= keep_alive_s
    ]


def next_expiry(holdings: Iterable[Holding], keep_alive_s: float) -> float | None:
    """When the next idle model will have been so for long enough; None when none is idle."""
    times = [one.idle_since for one in holdings if one.is_idle and one.idle_since is not None]
    return min(times) + keep_alive_s if times else None
