"""`/metrics`, read as Prometheus reads it."""

from __future__ import annotations

import time
from typing import Any

import pytest

from local_llm_kit.server import LocalServer
from local_llm_kit.server.counts import token_counts
from local_llm_kit.server.metrics import Metrics, ServerNow
from tests.local.http import ask, connect, request
from tests.local.server.models import metric, metrics, until
from tests.local.support import running_server

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
CHAT = "/v1/chat/completions"
ENDLESS = {"messages": HELLO, "stream": True, "logit_bias": {"0": -100, "1": -100, "2": -100}}


def test_an_answers_tokens_and_latencies_are_counted() -> None:
    with running_server() as server:
        body = {"messages": HELLO, "temperature": 0, "n": 2}
        usages = [ask(server.url, CHAT, body).json["usage"] for _ in range(2)]
        found = metrics(server)
        for name in ("prompt", "generated", "cached"):
            told = sum(getattr(token_counts(usage), name) for usage in usages)
            assert found[f"{name}_tokens_total,tiny"] == told > 0
        assert found["time_to_first_token_seconds_count,tiny"] == 2
        assert 0 < found["time_to_first_token_seconds_sum,tiny"] < 30
        assert found["time_per_output_token_seconds_count,tiny"] == 2
        assert found["delivery_gap_seconds_count,tiny"] >= 0


def test_streams_embeddings_and_decisions_are_counted_too() -> None:
    question = {"type": "predicate", "instructions": "It is a greeting."}
    with running_server() as server:
        ask(server.url, CHAT, {"messages": HELLO, "stream": True, "max_tokens": 5})
        assert metrics(server)["generated_tokens_total,tiny"] == 5
        before = metrics(server)["prompt_tokens_total,tiny"]
        used = ask(server.url, "/v1/embeddings", {"input": ["Hello!"] * 20}).json["usage"]
        decided = ask(server.url, "/v1/decisions", {"input": "Hi", "questions": [question]}).json
        added = used["prompt_tokens"] + decided["usage"]["input_tokens"]
        assert metrics(server)["prompt_tokens_total,tiny"] == before + added


def test_requests_are_counted_by_template_and_status_whatever_clients_make_up() -> None:
    with running_server() as server:
        for path in ("/v1/models/a", "/v1/models/b", "/no/such/1", "/no/such/2"):
            ask(server.url, path)
        ask(server.url, CHAT, {"messages": []})
        ask(server.url, "/health", method="BREW")
        found = metrics(server)
        assert found["http_requests_total,GET,/v1/models/{name:path},404"] == 2
        assert found["http_requests_total,GET,none,404"] == 2
        assert found[f"http_requests_total,POST,{CHAT},400"] == 1
        assert not [name for name in found if "/no/such" in name or "BREW" in name]
        assert found["http_requests_in_flight"] == 1


def test_what_is_the_case_now_is_told_for_each_model() -> None:
    with running_server() as server, connect(server.url) as sock:
        sock.sendall(request(server.url, CHAT, ENDLESS))
        until(lambda: metric(server, "engine_tokens_total,tiny") > 0)
        found = metrics(server)
        assert (found["sequences_running,tiny"], found["slots,tiny"]) == (1, 8)
        assert (found["models_loaded"], found["sequences_waiting,tiny"]) == (1, 0)
        assert found["model_memory_bytes,tiny"] > 5_000_000
        assert found["http_requests_in_flight"] == 2


def test_a_client_that_left_is_counted_as_such() -> None:
    with running_server() as server:
        with connect(server.url) as sock:
            sock.sendall(request(server.url, CHAT, ENDLESS | {"stream": False}))
            until(lambda: metric(server, "sequences_running,tiny") == 1)
        until(lambda: metric(server, f"http_requests_total,POST,{CHAT},499") == 1)


def test_the_metrics_need_the_key_where_there_is_one() -> None:
    with running_server(api_key="secret") as server:
        assert ask(server.url, "/metrics").status == 401
        assert metrics(server, Authorization="Bearer secret")["models_loaded"] == 1


def test_two_servers_do_not_share_their_metrics(server: LocalServer) -> None:
    with running_server() as other:
        ask(server.url, "/v1/models")
        assert "http_requests_total,GET,/v1/models,200" not in metrics(other)


def test_observing_takes_microseconds() -> None:
    meter = Metrics(lambda: ServerNow([], 0, 0)).meter("tiny", time.perf_counter())
    began = time.thread_time()  # not what others on this machine take
    for _ in range(10_000):
        meter.delivered()
    assert (time.thread_time() - began) / 10_000 < 50e-6


@pytest.mark.parametrize(
    ("usage", "counts"),
    [
        (
            {"prompt_tokens": 5, "completion_tokens": 3,
             "prompt_tokens_details": {"cached_tokens": 2}},
            (5, 2, 3),
        ),
        ({"input_tokens": 5, "output_tokens": 0}, (5, 0, 0)),
        ({"prompt_tokens": 5}, (5, 0, 0)),
    ],
    ids=["completion", "decision", "embedding"],
)  # fmt: skip
def test_both_ways_of_telling_tokens_are_read(usage: Any, counts: tuple[int, int, int]) -> None:
    assert token_counts(usage) == counts
