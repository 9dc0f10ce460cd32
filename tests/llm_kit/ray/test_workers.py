"""What a job's workers are made from."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from typing import Any

import pytest
from pydantic_core import to_json

from LLM import LLMConfig, LLMConfigError
from LLM.batch.types import BatchRequest
from llm_kit.ray import EndpointWorker, LocalWorker, RayBatchClient, WorkerPlace
from tests.batch.jobs import echo
from tests.remote.scripted_server import ScriptedServer

KEY = "sk-test-0123456789abcdef"


@pytest.fixture
def servers() -> Iterator[list[ScriptedServer]]:
    with ScriptedServer((echo,)) as one, ScriptedServer((echo,)) as other:
        yield [one, other]


def ask(worker: EndpointWorker, number: int) -> None:
    host: Any = pickle.loads(pickle.dumps(worker))(WorkerPlace(number, 2, 1))
    body = {"messages": [{"role": "user", "content": "Name a bee."}]}
    request = BatchRequest(0, "r0", "/v1/chat/completions", body, to_json(body), "id-0")
    try:
        [outcome] = host.answer([request]).outcomes
        assert outcome.error is None
    finally:
        host.close()


def test_workers_take_the_addresses_in_turn(servers: list[ScriptedServer]) -> None:
    worker = EndpointWorker(LLMConfig(), tuple(server.url for server in servers))
    for number in (0, 1, 2):
        ask(worker, number)
    assert [len(server.requests) for server in servers] == [2, 1]


def test_a_worker_calls_with_the_key(servers: list[ScriptedServer]) -> None:
    ask(EndpointWorker(LLMConfig(base_url=servers[0].url, api_key=KEY)), 0)
    assert servers[0].requests[0].headers["authorization"] == f"Bearer {KEY}"


def test_no_repr_shows_the_key() -> None:
    worker = EndpointWorker(LLMConfig(api_key=KEY))
    assert KEY not in repr(worker)
    assert KEY not in repr(RayBatchClient(worker))


def test_a_worker_gets_its_part_of_the_limits_a_minute() -> None:
    worker = EndpointWorker(LLMConfig(requests_per_minute=600, tokens_per_minute=9000))
    config = worker.config_at(WorkerPlace(1, 3, 8))
    assert (config.requests_per_minute, config.tokens_per_minute) == (200, 3000)


@pytest.mark.parametrize(
    ("made_of", "named"),
    [
        ({"config": LLMConfig(max_total_tokens=9)}, "max_total_tokens"),
        ({"base_urls": ("ftp://a",)}, "base_url"),
    ],
    ids=["tokens of all", "address"],
)
def test_what_workers_cannot_do_is_refused_before_they_are_made(
    made_of: dict[str, Any], named: str
) -> None:
    with pytest.raises(LLMConfigError, match=named):
        EndpointWorker(**made_of)


def test_a_local_worker_has_two_requests_for_each_slot() -> None:
    assert LocalWorker("tiny", {"n_slots": 3}).default_concurrency == 6
    assert LocalWorker("tiny").default_concurrency == 16


def test_a_local_worker_answers_by_a_model_of_its_own() -> None:
    worker = LocalWorker("tiny", {"n_slots": 1, "context_length": 256, "threads": 1})
    host: Any = worker(WorkerPlace(0, 1, 2))
    body = {"prompt": "Bees", "max_tokens": 2}
    requests = [
        BatchRequest(n, f"r{n}", "/v1/completions", body, to_json(body), "id") for n in range(3)
    ]
    outcomes = host.answer(requests).outcomes
    host.close()
    assert [one.status_code for one in outcomes] == [200, 200, 200]
