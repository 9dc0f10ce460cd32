"""Slots: sequences of the KV cache, and the choice of one for a new prompt.

A slot keeps its tokens after its request ended, for the next prompt that begins alike. A prompt
that continues a slot's text takes that slot over. A prompt that branches off earlier gets a copy of
the shared prefix (2.7 µs, no cell is duplicated), so the longer text stays for its own next turn:
four chats on one system prompt then find their whole history, where overwriting finds half. Where
the copy would cost another text more than is branched off from (an answer's last tokens, which a
template writes otherwise), the slot is taken over all the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

from LLM.exceptions import LLMRateLimitError, LLMServerError
from local_llm_kit.engines.compute import OutOfCache
from local_llm_kit.engines.state_file import State


@dataclass(slots=True)
class Slot:
    """One sequence of the cache.

    :ivar id: sequence id.
    :ivar tokens: token ids of the text it belongs to; of a busy slot the request's own list.
    :ivar n_cached: how many of `tokens`, from the first, are in the cache.
    :ivar busy: a request is using it.
    :ivar used: when it was last given back, by the count of tokens generated until then.
    :ivar adapter: the adapter that its cells were computed with.
    """

    id: int
    tokens: list[int] = field(default_factory=list)
    n_cached: int = 0
    busy: bool = False
    used: int = 0
    adapter: str | None = None


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
    limit = max(0, min(limit, len(first), len(second)))
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


def place(
    slots: Sequence[Slot], tokens: list[int], adapter: str | None = None, limit: int | None = None
) -> Placement | None:
    """The best free slot for `tokens`; None when all are busy.

    :param adapter: the adapter they are computed with: only its own cells can be shared.
    :param limit: most tokens to share. At least one is left to compute: its logits are wanted.
    """
    free = [slot for slot in slots if not slot.busy]
    if not free:
        return None
    most = len(tokens) - 1 if limit is None else min(limit, len(tokens) - 1)
    n_shared, source = 0, None
    for slot in slots:
        if slot.adapter != adapter:
            continue
        n = common_prefix(slot.tokens, tokens, min(slot.n_cached, most))
        if n > n_shared or (source is not None and n == n_shared and slot.used > source.used):
            n_shared, source = n, slot  # of equal ones the latest: the oldest may have to go
    chosen = min(free, key=lambda slot: (slot.n_cached > 0, slot is source, slot.used))
    if source is not None and not source.busy:
        # What is lost either way: the end of the source, or what the other has of its own. A text
        # that was used before the source is less likely to be missed.
        lost = chosen.n_cached - common_prefix(chosen.tokens, tokens, chosen.n_cached)
        tail = source.n_cached - n_shared
        if tail <= 1 or (tail < lost and source.used <= chosen.used):
            chosen = source
    return Placement(chosen, source, n_shared)


class Memory(Protocol):
    """What slots need of a context."""

    def forget(self, sequence: int, start: int = 0) -> None:
        """Drop a sequence from position `start` on."""

    def copy(self, source: int, target: int, n_tokens: int) -> None:
        """Let `target` begin as `source` does."""

    def clear(self) -> None:
        """Drop everything."""

    def save(self, sequence: int, n_tokens: int) -> bytes:
        """The first `n_tokens` of a sequence, to `restore` them."""

    def restore(self, sequence: int, payload: bytes, n_tokens: int) -> None:
        """Put what was saved into an empty sequence.

        :raises OutOfCache: there is no room for it.
        """


class SlotTable:
    """The slots of a context, kept in step with its cache.

    :param memory: the context.
    :param n_slots: sequences that it has.
    :param share: False for models whose memory cannot be cut (recurrent ones): a slot is then
        emptied when it is given back.
    """

    def __init__(self, memory: Memory, n_slots: int, *, share: bool = True) -> None:
        self._memory = memory
        self._slots = [Slot(id=i) for i in range(n_slots)]
        self._share = share

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def n_busy(self) -> int:
        """Slots in use."""
        return sum(slot.busy for slot in self._slots)

    def place(
        self, tokens: list[int], adapter: str | None = None, limit: int | None = None
    ) -> Placement | None:
        """Where `tokens` would go; None when all slots are busy."""
        return place(self._slots, tokens if self._share else tokens[:0], adapter, limit)

    def holding(self, tokens: list[int]) -> tuple[Slot, int] | None:
        """The slot that has most of `tokens` in the cache, and how many; None when none has any.

        Never where memory cannot be cut: part of it cannot be told from the whole, nor be shared.
        """
        found = [
            (common_prefix(slot.tokens, tokens, slot.n_cached), slot)
            for slot in self._slots
            if slot.adapter is None and self._share
        ]
        n, slot = max(found, key=lambda pair: pair[0], default=(0, NO_SLOT))
        return (slot, n) if n else None

    def save(self, tokens: list[int]) -> State | None:
        """What the cache holds of a text; None when it holds nothing of it."""
        found = self.holding(tokens)
        if found is None:
            return None
        slot, n_tokens = found
        return State(tokens[:n_tokens], self._memory.save(slot.id, n_tokens))

    def restore(self, state: State, now: int) -> None:
        """Put a text into a free slot, making room as needed.

        :raises LLMRateLimitError: every slot is busy.
        :raises LLMServerError: the cache has no room for it.
        """
        found = self.place([])
        if found is None:
            raise LLMRateLimitError(
                "every slot is busy; load the state when a request has ended", status_code=429
            )
        slot, n_tokens = found.slot, len(state.tokens)
        self.empty(slot)
        while True:
            try:
                self._memory.restore(slot.id, state.payload, n_tokens)
                break
            except OutOfCache:
                if not self.empty_oldest_idle():
                    raise LLMServerError("the cache has no room for the state") from None
        slot.tokens, slot.n_cached, slot.adapter = list(state.tokens), n_tokens, None
        slot.used = now

    def take(self, placement: Placement, tokens: list[int], adapter: str | None = None) -> Slot:
        """Give a slot to a request, with what it shares already in the cache."""
        slot, source, n_shared = placement
        if slot is source:
            self._memory.forget(slot.id, n_shared)
        else:
            self._memory.forget(slot.id)
            if source is not None:
                self._memory.copy(source.id, slot.id, n_shared)
        slot.tokens, slot.n_cached, slot.busy = tokens, n_shared, True
        slot.adapter = adapter
        return slot

    def give_back(self, slot: Slot, now: int) -> None:
        """End a request's use of a slot; the text stays for the next that begins alike."""
        slot.busy, slot.used = False, now
        if not self._share:
            self.empty(slot)

    def empty(self, slot: Slot) -> None:
        """Drop what a slot has in the cache."""
        self._memory.forget(slot.id)
        slot.tokens, slot.n_cached = [], 0

    def empty_oldest_idle(self) -> bool:
        """Make room in the cache; False when no idle slot has anything in it."""
        idle = [slot for slot in self._slots if not slot.busy and slot.n_cached]
        if idle:
            self.empty(min(idle, key=lambda slot: slot.used))
        return bool(idle)

    def empty_unused(self, since: int) -> None:
        """Drop the texts that were last used before `since`."""
        for slot in self._slots:
            if slot.n_cached and not slot.busy and slot.used < since:
                self.empty(slot)

    def clear(self) -> None:
        """Forget everything, also what may be half written."""
        self._memory.clear()
        for slot in self._slots:
            slot.tokens, slot.n_cached = [], 0
