"""How a step is cut by what batches are known to cost."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from local_llm_kit.engines.row_costs import MAX_PADDING, RowCosts


def learned(seconds: Callable[[int], float], n: int) -> RowCosts:
    """Costs after steps of `n` rows, each batch taking `seconds(rows)`."""
    costs = RowCosts()
    for _ in range(40):
        for size in costs.cut(n):
            costs.learn(size, seconds(size))
    return costs


#: q8_0 on a CPU as measured: two to six rows take more than as many single ones.
def dear_when_few(rows: int) -> float:
    return {1: 1.0, 2: 3.0, 3: 4.2, 4: 2.2, 5: 5.0, 6: 6.0, 8: 3.5}.get(rows, rows * 0.4)


@pytest.mark.parametrize(("n", "expected"), [(1, [1]), (2, [1, 1]), (4, [4]), (8, [8])])
def test_few_rows_are_parted_where_together_they_cost_more(n: int, expected: list[int]) -> None:
    assert learned(dear_when_few, n).cut(n) == expected


def test_a_cut_of_five_takes_the_cheap_four() -> None:
    assert sorted(learned(dear_when_few, 5).cut(5)) == [1, 4]


def test_rows_stay_together_where_batches_are_cheap() -> None:
    costs = learned(lambda rows: 1 + 0.1 * rows, 6)
    assert costs.cut(6) == [6]


def test_noise_is_no_reason_to_part() -> None:
    costs = learned(lambda rows: 1.0 * rows * (1.03 if rows == 2 else 1), 2)
    assert costs.cut(2) == [2]


def test_what_changes_is_learnt_again() -> None:
    costs = learned(dear_when_few, 2)
    for _ in range(600):
        for size in costs.cut(2):
            costs.learn(size, {1: 4.0}.get(size, 3.0))
    assert costs.cut(2) == [2]


def test_one_slow_batch_does_not_change_a_cut() -> None:
    costs = learned(lambda rows: 1 + 0.1 * rows, 4)
    costs.learn(4, 1000.0)
    assert costs.cut(4) == [4]


def test_three_rows_are_filled_up_where_four_cost_less() -> None:
    costs = learned(lambda rows: {1: 54, 2: 93, 3: 150, 4: 123, 8: 174}.get(rows, 200), 3)
    assert costs.cut(3) == [4]


def test_a_cut_has_all_rows_and_few_spare_ones() -> None:
    costs = RowCosts()
    for n in range(1, 40):
        for _ in range(20):
            cut = costs.cut(n)
            assert n <= sum(cut) <= n + MAX_PADDING
            assert sum(cut[:-1]) < n
            for size in cut:
                costs.learn(size, 1.0)
