"""The pool of models: one loading for all who ask, and room for it within the bounds."""

from __future__ import annotations

import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from typing import ClassVar

import pytest

from LLM.exceptions import LLMConfigError, LLMRateLimitError, LLMServerError
from local_llm_kit.pool import Lease, ModelPool, PoolOptions
from tests.local.pools import Clock, Gate, Model, make_pool, names, size_of


def test_a_model_is_loaded_once_and_kept() -> None:
    pool = make_pool()
    with pool.lease("4") as first:
        pass
    with pool.lease("4") as second:
        assert second is first
    pool.close()
    assert first.closed.is_set()


def test_the_longest_idle_model_goes_for_another() -> None:
    clock = Clock()
    pool = make_pool(10, clock=clock)
    for name in ("3a", "3b", "3c"):
        pool.lease(name).release()
        clock.now += 1
    pool.lease("3a").release()
    pool.lease("3").release()
    assert names(pool) == ["3a", "3c", "3"]


def test_a_leased_model_is_never_closed_and_the_new_one_is_made_smaller() -> None:
    pool = make_pool(10)
    with pool.lease("7") as used, pool.lease("6") as small:
        assert not used.closed.is_set()
        assert small.room == 3
    assert [holding.size_bytes for holding in pool.loaded()] == [7, 3]


def test_models_in_use_that_leave_no_room_are_named() -> None:
    pool = make_pool(10)
    with (
        pool.lease("7"),
        pytest.raises(LLMRateLimitError, match=r"'9' cannot.*in use \('7'\): 3 B of"),
    ):
        pool.lease("9")
    pool.lease("9").release()
    assert names(pool) == ["9"]


def test_a_model_too_large_for_the_budget_is_refused_and_closes_nothing() -> None:
    pool = make_pool(10)
    pool.lease("7").release()
    with pytest.raises(LLMConfigError, match="'21' does not fit into 10"):
        pool.lease("21")
    assert names(pool) == ["7"]


def test_a_caller_can_wait_until_a_lease_ends() -> None:
    pool = make_pool(10)
    lease = pool.lease("7")
    with ThreadPoolExecutor() as threads:
        waiting = threads.submit(pool.lease, "9", 30.0)
        lease.release()
        with waiting.result(30) as model:
            assert model.name == "9"
    assert lease.model.closed.is_set()


def test_no_more_models_are_loaded_than_allowed() -> None:
    pool = make_pool(max_models=1)
    pool.lease("1").release()
    with pool.lease("2"):
        assert names(pool) == ["2"]
        with pytest.raises(LLMRateLimitError, match="1 models may be loaded at once"):
            pool.lease("1")


def lease_from_threads(pool: ModelPool[Model], gate: Gate, n: int) -> list[object]:
    """What `n` threads get that ask for one model while it is being loaded."""
    with ThreadPoolExecutor(n) as threads:
        waiting = [threads.submit(pool.lease, "4") for _ in range(n)]
        assert gate.entered.wait(30)
        gate.open.set()
        return [one.exception(30) or one.result() for one in waiting]


def test_callers_of_one_model_wait_for_one_loading() -> None:
    gate = Gate()
    leases = lease_from_threads(ModelPool(gate), gate, 4)
    assert gate.calls == 1
    assert len({id(lease.model) for lease in leases if isinstance(lease, Lease)}) == 1


def test_an_error_of_loading_is_not_kept() -> None:
    gate = Gate(LLMServerError("broken"))
    pool = ModelPool(gate)
    found = lease_from_threads(pool, gate, 1)
    assert str(found[0]) == "broken"
    assert pool.loaded() == []
    with pool.lease("4") as model:
        assert model.name == "4"


def test_an_error_of_loading_reaches_all_who_wait_for_it() -> None:
    error = LLMServerError("broken")
    gate = Gate(error)
    pool = ModelPool(gate)
    with ThreadPoolExecutor(4) as threads:
        first = threads.submit(pool.lease, "4")
        assert gate.entered.wait(30)
        others = [threads.submit(pool.lease, "4") for _ in range(3)]
        while len(pool._residents.changed._waiters) < 3:  # type: ignore[attr-defined]
            time.sleep(0)
        gate.open.set()
        assert [one.exception(30) for one in (first, *others)] == [error] * 4
    assert gate.calls == 1


def test_ctrl_c_in_one_loader_leaves_the_others_to_load() -> None:
    gate = Gate(KeyboardInterrupt())
    found = lease_from_threads(ModelPool(gate), gate, 2)
    assert sorted(type(one).__name__ for one in found) in (
        ["KeyboardInterrupt", "Lease"],
        ["Lease", "Lease"],
    )


@pytest.mark.parametrize(
    "bounds",
    [{"memory_budget": 0}, {"keep_alive_s": -1}, {"max_models": 0}, {"max_models": True}],
    ids=str,
)
def test_bounds_that_cannot_work_are_refused(bounds: dict[str, int]) -> None:
    with pytest.raises(LLMConfigError, match=next(iter(bounds))):
        PoolOptions(**bounds)


class Counted(Model):
    """A model that tells how many of its kind live, and whether one was used when closed."""

    alive: ClassVar[Counter[str]] = Counter()
    bytes_alive = 0
    most_bytes = 0
    lock = threading.Lock()

    def __init__(self, name: str, room: int | None) -> None:
        super().__init__(name, room)
        self.users = 0
        self.size = size_of(name, room or 0)
        with Counted.lock:
            assert not Counted.alive[name]
            Counted.alive[name] += 1
            Counted.bytes_alive += self.size
            Counted.most_bytes = max(Counted.most_bytes, Counted.bytes_alive)

    def close(self) -> None:
        with Counted.lock:
            assert not self.users
            assert not self.closed.is_set()
            Counted.alive[self.name] -= 1
            Counted.bytes_alive -= self.size
        super().close()


def use(pool: ModelPool[Counted], seed: int) -> int:
    """Use random models for a while; how often there was no room."""
    chance, n_refused = random.Random(seed), 0
    for _ in range(200):
        try:
            lease = pool.lease(chance.choice(("3", "5", "7")), chance.choice((0.0, 0.001)))
        except LLMRateLimitError:
            n_refused += 1
            continue
        with lease as model:
            with Counted.lock:
                model.users += 1
                assert not model.closed.is_set()
            time.sleep(0)
            with Counted.lock:
                model.users -= 1
    return n_refused


def test_eight_threads_and_three_models_keep_to_the_budget() -> None:
    pool = ModelPool(Counted, size_of, PoolOptions(10, keep_alive_s=0.001))
    with ThreadPoolExecutor(8) as threads:
        refused = list(threads.map(lambda seed: use(pool, seed), range(8)))
    pool.close()
    assert sum(refused) < 8 * 200
    assert Counted.most_bytes <= 10
    assert Counted.bytes_alive == 0
    assert not any(Counted.alive.values())
