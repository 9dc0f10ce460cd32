"""The pool of models: how long a model stays, and what closes it."""

from __future__ import annotations

import gc
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from LLM.exceptions import LLMServerError
from local_llm_kit.pool import ModelPool
from tests.local.pools import Clock, Gate, make_pool, names

pytestmark = pytest.mark.slow


def test_idle_models_are_closed_after_the_keep_alive() -> None:
    clock = Clock()
    pool = make_pool(keep_alive_s=60.0, clock=clock)
    used, idle = pool.lease("1"), pool.lease("2")
    idle.release()
    clock.now += 59
    assert pool.close_idle() == pytest.approx(1.0)
    clock.now += 1
    pool.close_idle()
    assert names(pool) == ["1"]
    assert idle.model.closed.is_set()
    assert not used.model.closed.is_set()


def test_a_keep_alive_of_zero_closes_at_once() -> None:
    pool = make_pool(keep_alive_s=0)
    lease = pool.lease("1")
    assert not lease.model.closed.wait(0.01)
    lease.release()
    assert lease.model.closed.wait(30)


def test_a_dropped_lease_lets_its_model_go() -> None:
    pool = make_pool(keep_alive_s=0)
    lease = pool.lease("1")
    model = lease.model
    del lease
    gc.collect()
    assert model.closed.wait(30)


def test_a_lease_ends_once() -> None:
    pool = make_pool()
    first, second = pool.lease("1"), pool.lease("1")
    first.release()
    first.release()
    assert pool.loaded()[0].n_leases == 1
    second.release()
    assert pool.loaded()[0].n_leases == 0


def test_a_pool_that_nothing_holds_closes_its_models() -> None:
    pool = make_pool(keep_alive_s=60)
    lease = pool.lease("1")
    model = lease.model
    del pool
    gc.collect()
    assert not model.closed.is_set()  # the lease holds it
    lease.release()
    del lease
    gc.collect()
    assert model.closed.wait(30)


def test_close_ends_leases_and_refuses_calls() -> None:
    pool = make_pool()
    lease = pool.lease("1")
    pool.close()
    pool.close()
    assert lease.model.closed.is_set()
    lease.release()
    with pytest.raises(LLMServerError, match="closed"):
        pool.lease("1")


def test_close_waits_for_leases_if_asked() -> None:
    pool = make_pool()
    lease = pool.lease("1")
    with ThreadPoolExecutor() as threads:
        closing = threads.submit(pool.close, 30.0)
        assert not lease.model.closed.wait(0.01)
        lease.release()
        closing.result(30)
    assert lease.model.closed.is_set()


def test_a_model_that_was_being_loaded_when_the_pool_closed_is_closed() -> None:
    gate = Gate()
    pool = ModelPool(gate)
    with ThreadPoolExecutor() as threads:
        loading = threads.submit(pool.lease, "1")
        assert gate.entered.wait(30)
        pool.close()
        gate.open.set()
        with pytest.raises(LLMServerError, match="closed"):
            loading.result(30)


def test_unload_closes_what_nobody_uses() -> None:
    pool = make_pool()
    lease = pool.lease("1")
    assert not pool.unload("1")
    assert not pool.unload("2")
    lease.release()
    assert pool.unload("1")
    assert lease.model.closed.is_set()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="there is no fork on this system")
@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_forked_child_is_told_and_leaves_the_models_alone() -> None:
    pool = make_pool()
    lease = pool.lease("1")
    child = os.fork()
    if not child:
        try:
            lease.release()
            pool.close()
            pool.lease("1")
        except LLMServerError as err:
            os._exit(0 if "forked" in str(err) and not lease.model.closed.is_set() else 1)
        os._exit(2)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    pool.close()


def test_a_pool_tells_how_long_a_model_would_stay() -> None:
    clock = Clock()
    pool = make_pool(keep_alive_s=10.0, clock=clock)
    lease = pool.lease("1")
    ((used, model),) = pool.ready()
    clock.now += 100
    assert (model.name, pool.seconds_left(used)) == ("1", 10.0)
    lease.release()
    ((idle, _),) = pool.ready()
    clock.now += 4
    assert pool.seconds_left(idle) == 6.0
    clock.now += 100
    assert pool.seconds_left(idle) == 0.0
    pool.close()


def test_without_a_keep_alive_models_stay_for_ever() -> None:
    pool = make_pool()
    pool.lease("1").release()
    ((idle, _),) = pool.ready()
    assert pool.seconds_left(idle) is None
    pool.close()
