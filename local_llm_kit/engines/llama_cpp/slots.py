"""Slots: sequences of the KV cache, and the choice of one for a new prompt.

A slot keeps its tokens after its request ended, for the next prompt that begins alike. A prompt
that continues a slot's text takes that slot over. A prompt that branches off earlier gets a copy of
the shared prefix (2.7 µs, no cell is duplicated), so the longer text stays for its own next turn:
four chats on one system prompt then find their whole history, where overwriting finds half.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple


@dataclass(slots=True)
class Slot:
    """One sequence of the cache.

    :ivar id: sequence id.
    :ivar tokens: token ids of the text it belongs to; of a busy slot the request's own list.
    :ivar n_cached: how many of `tokens`, from the first, are in the cache.
    :ivar busy: a request is using it.
    :ivar used: when it was last given back, as a step number.
    """

    id: int
    tokens: list[int] = field(default_factory=list)
    n_cached: int = 0
    busy: bool = False
    used: int = 0


#: The slot of a sequence that has none.
NO_SLOT = Slot(id=-1)


class Placement(NamedTuple):
    """Where a prompt goes: a free slot, and the slot whose first `n_shared` tokens it begins with.

    `source` is None when nothing is shared, and may be `slot` itself.
    """

    slot: Slot
    source: Slot | None
    n_shared: int


def common_prefix(first: list[int], second: list[int], limit: int) -> int:
    """Length of the common prefix, at most `limit`: slices compare in C, halving finds the end."""
    limit = min(limit, len(first), len(second))
    if first[:limit] == second[:limit]:
        return limit
    same, differs = 0, limit
    while differs - same > 1:
        middle = (same + differs) // 2
        if first[same:middle] == second[same:middle]:
            same = middle
        else:
            differs = middle
    return same


def place(slots: Sequence[Slot], tokens: list[int]) -> Placement | None:
    """The best free slot for `tokens`; None when all are busy.

    At least one token is left to compute, because its logits are wanted.
    """
    free = [slot for slot in slots if not slot.busy]
    if not free:
        return None
    n_shared, source = 0, None
    for slot in slots:
        n = common_prefix(slot.tokens, tokens, min(slot.n_cached, len(tokens) - 1))
        if n > n_shared:
            n_shared, source = n, slot
    if source is not None and not source.busy and source.n_cached - n_shared <= 1:
        return Placement(source, source, n_shared)
    chosen = min(free, key=lambda slot: (slot.n_cached > 0, slot is source, slot.used))
    return Placement(chosen, source, n_shared)
