"""Where a prompt goes in the cache."""

from __future__ import annotations

from local_llm_kit.engines.slots import Slot, SlotTable, common_prefix, place


def slot(number: int, tokens: list[int], *, busy: bool = False, used: int = 0) -> Slot:
    return Slot(number, tokens, len(tokens), busy, used)


def test_common_prefix_finds_the_first_difference() -> None:
    for n in range(20):
        other = [*range(n), 99, *range(n + 1, 20)]
        assert common_prefix(list(range(20)), other, 20) == n


def test_a_conversation_that_goes_on_keeps_its_slot() -> None:
    slots = [slot(0, [1, 2, 3]), slot(1, [])]
    found = place(slots, [1, 2, 3, 4, 5])
    assert found is not None
    assert (found.slot.id, found.source, found.n_shared) == (0, slots[0], 3)


def test_a_branch_leaves_the_longer_text_alone() -> None:
    slots = [slot(0, [1, 2, 3, 4, 5, 6]), slot(1, [9])]
    found = place(slots, [1, 2, 3, 7])
    assert found is not None
    assert (found.slot.id, found.source, found.n_shared) == (1, slots[0], 3)


def test_a_busy_slot_can_be_shared_from() -> None:
    slots = [slot(0, [1, 2, 3, 4], busy=True), slot(1, [])]
    found = place(slots, [1, 2, 3, 4])
    assert found is not None
    assert (found.slot.id, found.n_shared) == (1, 3)


def test_the_least_recently_used_slot_gives_way() -> None:
    found = place([slot(0, [1], used=5), slot(1, [2], used=3)], [7, 8])
    assert found is not None
    assert (found.slot.id, found.source, found.n_shared) == (1, None, 0)


def test_nothing_is_free_when_all_are_busy() -> None:
    assert place([slot(0, [], busy=True)], [1]) is None


def test_a_text_read_with_another_adapter_is_not_shared() -> None:
    slots = [Slot(0, [1, 2, 3], 3, adapter="red"), slot(1, [])]
    plain, red = place(slots, [1, 2, 3, 4]), place(slots, [1, 2, 3, 4], "red")
    assert plain is not None
    assert plain.n_shared == 0
    assert red is not None
    assert red.n_shared == 3


def test_no_more_is_shared_than_allowed() -> None:
    found = place([slot(0, [1, 2, 3, 4]), slot(1, [])], [1, 2, 3, 4, 5], limit=2)
    assert found is not None
    assert found.n_shared == 2


class NoMemory:
    def __init__(self) -> None:
        self.forgotten: list[int] = []

    def forget(self, sequence: int, start: int = 0) -> None:
        self.forgotten.append(sequence)

    def copy(self, source: int, target: int, n_tokens: int) -> None:
        raise AssertionError("nothing is shared here")

    def clear(self) -> None:
        raise AssertionError("nothing is cleared here")


def test_texts_not_used_for_long_are_dropped() -> None:
    memory = NoMemory()
    table = SlotTable(memory, 3)
    for now, tokens in ((10, [1, 2]), (20, [3, 4])):
        found = table.place(tokens)
        assert found is not None
        taken = table.take(found, tokens)
        taken.n_cached = 2
        table.give_back(taken, now)
    memory.forgotten.clear()
    table.empty_unused(since=15)
    assert memory.forgotten == [0]
    assert table.holding([1, 2]) is None
    kept = table.holding([3, 4, 5])
    assert kept is not None
    assert kept[1] == 2


def test_a_slot_is_taken_over_where_a_copy_would_cost_another_text_more() -> None:
    slots = [slot(0, list(range(100)), used=1), slot(1, list(range(200, 300)), used=2)]
    found = place(slots, [*range(95), 500, 501])
    assert found is not None
    assert (found.slot.id, found.n_shared) == (0, 95)


def test_a_copy_takes_the_slot_of_a_text_that_was_used_before() -> None:
    slots = [slot(0, list(range(100)), used=2), slot(1, list(range(200, 300)), used=1)]
    found = place(slots, [*range(95), 500, 501])
    assert found is not None
    assert (found.slot.id, found.n_shared) == (1, 95)


def test_a_branch_off_a_common_beginning_takes_the_oldest_slot() -> None:
    beginning = list(range(50))
    texts = [slot(i, [*beginning, *range(100 * i, 100 * i + 60)], used=i) for i in (1, 2, 3)]
    found = place(texts, [*beginning, 7, 8, 9])
    assert found is not None
    assert (found.slot.id, found.n_shared) == (1, 50)
