"""Contenders in turns, so that a busy machine slows them all alike."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from local_engine.children import Absent, Child
from local_engine.findings import Values

C = TypeVar("C", bound=Child)
T = TypeVar("T")


@dataclass
class Taken(Generic[T]):
    """What a contender's turns gave, or why it has none."""

    name: str
    turns: list[T] = field(default_factory=list)
    absent: str = ""

    def values(self, pick: Callable[[T], float], name: str = "") -> Values:
        """One number a round."""
        numbers = () if self.absent else tuple(map(pick, self.turns))
        return Values(name or self.name, numbers, self.absent)


def in_turns(
    starts: Mapping[str, Callable[[], C]], turn: Callable[[C], T], rounds: int
) -> list[Taken[T]]:
    """Start the contenders, let each have a turn in every round, and end them.

    :param starts: name to what starts it. One that cannot start, or fails in a turn, is absent.
    :param turn: what is measured.
    :return: in the order of `starts`.
    """
    taken = [Taken[T](name) for name in starts]
    with ExitStack() as running:
        children: dict[str, C] = {}
        for one in taken:
            _say(f"starting {one.name}")
            try:
                children[one.name] = child = starts[one.name]()
                running.callback(child.stop)
            except (Absent, OSError) as error:
                one.absent = str(error)
        for number in range(rounds):
            for one in taken:
                if one.absent:
                    continue
                _say(f"round {number + 1} of {rounds}, {one.name}")
                try:
                    one.turns.append(turn(children[one.name]))
                except (Absent, OSError) as error:
                    one.absent = str(error) or type(error).__name__
    return taken


def _say(text: str) -> None:
    """Progress, on standard error."""
    print(f"  {text}", file=sys.stderr, flush=True)
