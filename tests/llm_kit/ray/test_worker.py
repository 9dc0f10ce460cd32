"""A worker, in this process: a desk that answers at once in the place of Ray's actor."""

from __future__ import annotations

import pickle
import sys
from types import SimpleNamespace
from typing import Any

import pytest
from pydantic_core import to_json

from LLM import LLMAuthError
from LLM.batch.types import BatchRequest
from llm_kit.ray import Answerer, RayJobError, WorkerLostError, WorkerPlace
from llm_kit.ray.desk import Desk
from llm_kit.ray.packs import Answered, opened, packed
from llm_kit.ray.worker import MAX_STARTS, PackWorker


class LocalDesk:
    """A handle of a desk whose methods are called, not sent."""

    def __init__(self, make: Any) -> None:
        desk = Desk()
        desk.lay_out(pickle.dumps(make))
        self.take = SimpleNamespace(remote=desk.take)
        self.begin = SimpleNamespace(remote=desk.begin)


@pytest.fixture(autouse=True)
def local_ray(monkeypatch: pytest.MonkeyPatch) -> None:
    here = SimpleNamespace(get_actor_id=lambda: "actor-1")
    ray = SimpleNamespace(get=lambda value: value, get_runtime_context=lambda: here)
    monkeypatch.setitem(sys.modules, "ray", ray)


def refusing(place: WorkerPlace) -> Answerer:
    raise LLMAuthError(f"worker {place.number} of {place.n_workers} has no key", status_code=401)


def faulty(_: WorkerPlace) -> Answerer:
    raise ModuleNotFoundError("No module named 'my_engine'")


class Silent:
    def answer(self, _: Any) -> Answered:
        return Answered([])


def silent(_: WorkerPlace) -> Answerer:
    return Silent()


def answered(worker: PackWorker) -> Answered:
    body = {"prompt": "Bees"}
    [pack] = packed(iter([BatchRequest(0, "a", "/v1/completions", body, to_json(body), "id")]), 1)
    return opened(worker({"number": 7, "pack": pack})["answered"], pack)


def test_a_worker_that_cannot_start_says_why() -> None:
    error = answered(PackWorker(LocalDesk(refusing), 2, 8)).error
    assert isinstance(error, LLMAuthError)
    assert str(error) == "worker 0 of 2 has no key"
    assert error.status_code == 401


def test_what_a_workers_machine_lacks_is_named() -> None:
    error = answered(PackWorker(LocalDesk(faulty), 2, 8)).error
    assert isinstance(error, RayJobError)
    assert "my_engine" in str(error)
    assert "every machine of the cluster" in str(error)


def test_a_pack_whose_workers_die_each_time_is_given_up() -> None:
    desk = LocalDesk(silent)
    for _ in range(MAX_STARTS):
        assert answered(PackWorker(desk, 1, 8)).outcomes == []
    [outcome] = answered(PackWorker(desk, 1, 8)).outcomes
    assert isinstance(outcome.error, WorkerLostError)
    assert "out of memory" in str(outcome.error)
