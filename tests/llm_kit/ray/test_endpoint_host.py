"""Packs answered by a server, in a worker's event loop."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from pydantic_core import from_json, to_json

from LLM import LLM, LLMAuthError, LLMConfig, LLMConfigError
from LLM.batch.types import BatchRequest
from llm_kit.ray import EndpointWorker, WorkerPlace
from llm_kit.ray.endpoint_host import EndpointHost
from tests.batch.jobs import echo
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer


def requests(*indexes: int) -> list[BatchRequest]:
    bodies = [{"messages": [{"role": "user", "content": f"bee {i}"}]} for i in indexes]
    return [
        BatchRequest(i, f"r{i}", "/v1/chat/completions", body, to_json(body), f"id-{i}")
        for i, body in zip(indexes, bodies, strict=True)
    ]


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer((echo,)) as server:
        yield server


def test_packs_of_several_threads_share_connections(server: ScriptedServer) -> None:
    with LLM(LLMConfig(base_url=server.url)) as llm:
        host = EndpointHost(llm, 4)
        with ThreadPoolExecutor(4) as threads:
            packs = [requests(2 * n, 2 * n + 1) for n in range(16)]
            answered = list(threads.map(host.answer, packs))
        host.close()
    said = [
        from_json(one.answer or b"")["choices"][0]["message"]["content"]
        for pack in answered
        for one in pack.outcomes
    ]
    assert said == [f"bee {i}" for i in range(32)]
    assert server.connections <= 4


def test_a_refused_key_is_an_outcome_for_the_jobs_own_process_to_judge() -> None:
    refusal = wire.answer({"error": {"message": "no such key"}}, status=401)
    with ScriptedServer((refusal,)) as server, LLM(LLMConfig(base_url=server.url)) as llm:
        host = EndpointHost(llm, 2)
        [outcome] = host.answer(requests(0)).outcomes
        host.close()
    assert isinstance(outcome.error, LLMAuthError)


def test_connections_that_cannot_be_set_up_are_told_at_once(tmp_path: Path) -> None:
    bundle = tmp_path / "ca.pem"
    bundle.touch()
    config = LLMConfig(base_url="https://127.0.0.1:1", verify=str(bundle))
    with LLM(config) as llm:
        bundle.unlink()  # asked for by AsyncTransport, which the host makes in its loop
        before = set(threading.enumerate())
        with pytest.raises(LLMConfigError, match=r"ca\.pem"):
            EndpointHost(llm, 2)
    assert set(threading.enumerate()) - before == set()


def test_a_closed_host_leaves_no_thread(server: ScriptedServer) -> None:
    before = set(threading.enumerate())
    host = EndpointWorker(LLMConfig(base_url=server.url))(WorkerPlace(0, 1, 2))
    assert isinstance(host, EndpointHost)
    host.close()
    assert set(threading.enumerate()) - before == set()
