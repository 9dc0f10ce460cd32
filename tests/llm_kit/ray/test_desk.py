"""What a job's workers are told."""

from __future__ import annotations

from llm_kit.ray.desk import Desk


def test_a_worker_that_starts_again_keeps_its_number() -> None:
    desk = Desk()
    desk.lay_out(b"engine")
    assert [desk.take(actor)[1] for actor in "abca"] == [0, 1, 2, 0]
    assert desk.take("a")[0] == b"engine"


def test_a_pack_whose_workers_died_twice_is_begun_only_alone() -> None:
    desk = Desk()
    assert [desk.begin(7, alone=False) for _ in range(3)] == [1, 2, 0]
    assert [desk.begin(7, alone=True) for _ in range(2)] == [3, 4]
    assert desk.begin(8, alone=False) == 1


def test_a_new_round_begins_its_packs_anew() -> None:
    desk = Desk()
    desk.begin(0, alone=False)
    desk.take("a")
    desk.end_round()
    assert desk.begin(0, alone=False) == 1
    assert desk.take("b")[1] == 0
