"""Jobs at an address, by coroutines and by threads: as single calls, and better than many."""

from __future__ import annotations

import asyncio
import itertools
import json
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from LLM import (
    LLM,
    AsyncLLM,
    BatchReport,
    LLMAuthError,
    LLMConfig,
    LLMConfigError,
    LLMConnectionError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    MemoryCache,
    UsageLimitError,
)
from LLM.batch import endpoint, throttle
from LLM.batch.in_thread import in_thread
from LLM.batch.judge import MAX_UNREACHABLE
from LLM.exceptions import InvalidRequestError, LLMTimeoutError
from tests.batch.jobs import chat, echo, ids_of, request, write_requests
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer, close, hang, wait

TEXTS = [f"text {n}" for n in range(20)]


@pytest.fixture(params=["coroutines", "threads"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """How the calls are made."""
    if request.param == "threads":

        def missing(needed_by: str) -> Any:
            raise LLMConfigError("aiohttp is not installed")

        monkeypatch.setattr(endpoint, "async_transport", missing)
    return str(request.param)


def config(server: ScriptedServer, **settings: Any) -> LLMConfig:
    return LLMConfig(base_url=server.url, model="tiny", **{"retry_delay": 0.01, **settings})


def run(server: ScriptedServer, requests: Any = TEXTS, **options: Any) -> BatchReport:
    with LLM(config(server)) as llm:
        return llm.batch(requests, **{"progress": False, **options})


def test_prompts_are_answered_in_their_order(way: str) -> None:
    with ScriptedServer((echo,)) as server, LLM(config(server)) as llm:
        report = llm.batch(TEXTS, progress=False, concurrency=4)
        assert [result.text for result in report.results] == TEXTS
        assert (report.n_answered, report.usage.total_tokens) == (20, 100)
        assert (llm.get_request_count(), llm.usage.total.calls) == (20, 20)
    assert server.connections <= 4


def test_coroutines_answer_a_file(tmp_path: Path, way: str) -> None:
    source = write_requests(tmp_path / "in.jsonl", TEXTS)

    async def main(server: ScriptedServer) -> BatchReport:
        async with AsyncLLM(config(server)) as llm:
            return await llm.batch(source, tmp_path / "out.jsonl", progress=False)

    with ScriptedServer((echo,)) as server:
        report = asyncio.run(main(server))
    assert sorted(ids_of(tmp_path / "out.jsonl")) == sorted(f"r{n}" for n in range(20))
    assert [result.text for result in report.results] == TEXTS


def test_a_job_runs_inside_a_loop_that_runs() -> None:
    async def main(server: ScriptedServer) -> BatchReport:
        return run(server, ["one"])

    with ScriptedServer((echo,)) as server:
        assert asyncio.run(main(server)).results[0].text == "one"


ANSWERS: dict[str, tuple[Any, type[LLMError]]] = {
    "refused": (wire.answer({"error": {"message": "no"}}, 400), InvalidRequestError),
    "HTML": (wire.answer(b"<html>"), LLMResponseError),
    "error inside": (wire.answer({"error": {"message": "no"}}), LLMError),
    "no choices": (wire.answer({**wire.CHAT, "choices": []}), LLMResponseError),
    "cut": ([wire.answer(wire.CHAT)[:-9], close], LLMResponseError),
    "hanging": ([hang], LLMTimeoutError),
    "huge": (wire.answer(b'"' + b"x" * (33 << 20) + b'"'), LLMResponseError),
}


@pytest.mark.parametrize(("script", "error"), ANSWERS.values(), ids=ANSWERS)
def test_a_request_that_fails_for_good_does_not_end_the_job(
    way: str, script: Any, error: type[LLMError]
) -> None:
    def answer(one: Request) -> Any:
        return script if b"bad" in one.body else echo(one)

    with ScriptedServer((answer,)) as server, LLM(config(server, timeout=2)) as llm:
        report = llm.batch(["one", "bad", "two"], progress=False)
    assert (report.n_answered, report.n_failed) == (2, 1)
    assert isinstance(report.results[1].error, error)
    assert [report.results[n].text for n in (0, 2)] == ["one", "two"]


def test_an_answer_of_many_lines_becomes_one(tmp_path: Path, way: str) -> None:
    pretty = json.dumps(chat("a\nb"), indent=2).encode()
    with ScriptedServer((wire.answer(pretty),)) as server:
        report = run(server, ["one"], output=tmp_path / "out.jsonl")
    assert len((tmp_path / "out.jsonl").read_bytes().splitlines()) == 1
    assert report.results[0].body == chat("a\nb")


def test_every_kind_of_call_is_answered(way: str) -> None:
    embeddings = {"data": [{"index": 0, "embedding": [0.5]}], "usage": {"prompt_tokens": 4}}
    counts = {"input_tokens": 4, "output_tokens": 5, "total_tokens": 9}
    answers = {
        "/v1/chat/completions": wire.CHAT,
        "/v1/completions": wire.COMPLETION,
        "/v1/embeddings": embeddings,
        "/v1/responses": {"id": "r", "error": None, "output": [], "usage": counts},
    }
    calls = [
        "Hi",
        {"prompt": "Once"},
        {"url": "/v1/embeddings", "body": {"input": "x"}},
        {"url": "/v1/responses", "body": {"input": "x"}},
    ]
    with ScriptedServer((lambda one: wire.answer(answers[one.path]),)) as server:
        report = run(server, calls)
    assert [result.body for result in report.results] == list(answers.values())
    assert (report.usage.prompt_tokens, report.usage.completion_tokens) == (14, 9)


def test_rate_limits_slow_the_job_down_and_fail_nothing(way: str) -> None:
    refusal = wire.answer({"error": {"message": "slow down"}}, 429)
    numbers = itertools.count()

    def answer(one: Request) -> bytes:
        return refusal if next(numbers) % 3 else echo(one)

    with ScriptedServer((answer,)) as server, LLM(config(server, max_retries=1)) as llm:
        report = llm.batch(TEXTS, progress=False, concurrency=8)
    assert (report.n_answered, report.n_failed) == (20, 0)


@pytest.mark.parametrize("status", [429, 529])
def test_a_job_that_is_only_refused_ends_by_the_refusal(
    way: str, status: int, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(throttle, "MAX_PAUSES", 3)
    with (
        ScriptedServer((wire.answer({"error": {"message": "no"}}, status),)) as server,
        pytest.raises(LLMError) as caught,
    ):
        run(server, TEXTS, output=tmp_path / "out.jsonl", concurrency=2)
    assert caught.value.status_code == status
    assert ids_of(tmp_path / "out.jsonl") == []


ENDS: dict[str, tuple[Any, type[LLMError]]] = {
    "key": (wire.answer({"error": {"message": "no"}}, 401), LLMAuthError),
    "quota": (wire.answer({"error": {"code": "insufficient_quota"}}, 429), LLMRateLimitError),
    "long pause": (wire.answer(b"{}", 429, [("Retry-After", "9999")]), LLMRateLimitError),
}


@pytest.mark.parametrize(("refusal", "error"), ENDS.values(), ids=ENDS)
def test_what_no_request_survives_ends_the_job_and_a_rerun_goes_on(
    way: str, refusal: bytes, error: type[LLMError], tmp_path: Path
) -> None:
    output = tmp_path / "out.jsonl"
    scripts = [echo] * 5 + [refusal]
    with ScriptedServer(tuple(scripts)) as server, pytest.raises(error):
        run(server, TEXTS, output=output, concurrency=1)
    assert ids_of(output) == [f"request-{n}" for n in range(1, 6)]
    with ScriptedServer((echo,)) as server:
        report = run(server, TEXTS, output=output)
    assert (report.n_resumed, report.n_answered, len(server.requests)) == (5, 20, 15)


def test_an_address_where_nobody_listens_ends_the_job(way: str, tmp_path: Path) -> None:
    with ScriptedServer((echo,)) as server:
        pass
    with LLM(config(server, max_retries=0)) as llm, pytest.raises(LLMConnectionError):
        llm.batch(TEXTS, tmp_path / "out.jsonl", progress=False)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.jsonl"]


def test_a_server_that_goes_away_fails_no_request(way: str, tmp_path: Path) -> None:
    def answer(one: Request) -> Any:
        if one.number < 4:
            return echo(one)
        server._listener.shutdown(2)  # who comes later finds nobody
        return [close]

    output = tmp_path / "out.jsonl"
    with (
        ScriptedServer((answer,)) as server,
        LLM(config(server, max_retries=1)) as llm,
        pytest.raises(LLMConnectionError),
    ):
        llm.batch(TEXTS, output, progress=False, concurrency=1)
    assert MAX_UNREACHABLE <= 20 - 4
    assert ids_of(output) == [f"request-{n}" for n in range(1, 5)]
    assert not output.with_name("out.errors.jsonl").exists()


def test_limits_of_the_client_hold_for_its_jobs(way: str) -> None:
    with ScriptedServer((echo,)) as server, LLM(config(server, max_total_tokens=70)) as llm:
        with pytest.raises(UsageLimitError):
            llm.batch(TEXTS, progress=False)
        assert 0 < llm.usage.total.total_tokens <= 70


def test_what_is_in_flight_when_the_job_ends_is_kept(way: str, tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=10)

    def answer(one: Request) -> Any:
        both.wait()  # both requests are in flight
        if b"bad" in one.body:
            return wire.answer({}, 401)
        return [wait(0.2), echo(one)]

    output = tmp_path / "out.jsonl"
    with ScriptedServer((answer,)) as server, pytest.raises(LLMAuthError):
        run(server, ["one", "bad", "two"], output=output, concurrency=2)
    assert ids_of(output) == ["request-1"]


def test_the_clients_cache_answers(way: str) -> None:
    with ScriptedServer((echo,)) as server, LLM(config(server), cache=MemoryCache()) as llm:
        llm.batch(TEXTS, progress=False)
        report = llm.batch(TEXTS, progress=False)
    assert len(server.requests) == 20
    assert (report.n_shared, report.usage.calls) == (20, 0)
    assert [result.text for result in report.results] == TEXTS


def test_a_closed_client_runs_no_job(way: str) -> None:
    with ScriptedServer((echo,)) as server:
        llm = LLM(config(server))
        llm.close()
        with pytest.raises(LLMConfigError, match="closed"):
            llm.batch(TEXTS, progress=False)


def test_keys_are_in_no_file(way: str, tmp_path: Path) -> None:
    def telling(one: Request) -> bytes:
        return wire.answer({"error": {"message": one.headers["authorization"]}}, 400)

    key = "sk-very-secret-key"
    with ScriptedServer((telling,)) as server, LLM(config(server, api_key=key)) as llm:
        report = llm.batch(["one"], tmp_path / "out.jsonl", progress=False)
    assert report.n_failed == 1
    assert key not in "".join(path.read_text() for path in tmp_path.iterdir())


def test_a_job_that_is_stopped_keeps_what_has_ended(way: str, tmp_path: Path) -> None:
    both_wait, go_on = threading.Event(), threading.Event()

    def answer(one: Request) -> Any:
        if one.number >= 3:
            if one.number == 4:
                both_wait.set()
            go_on.wait(30)
        return echo(one)

    def stop() -> None:
        both_wait.wait(30)
        job.stop()
        if way == "threads":  # which wait for what is in flight, and keep it
            go_on.set()

    output = tmp_path / "out.jsonl"
    with ScriptedServer((answer,)) as server, LLM(config(server)) as llm:
        job = endpoint.EndpointJob(llm, TEXTS, output, {"progress": False, "concurrency": 2})
        stopping = threading.Thread(target=stop)
        stopping.start()
        with pytest.raises(LLMError, match="stopped"):
            job.run()
        stopping.join()
        go_on.set()
    assert len(ids_of(output)) == (5 if way == "threads" else 3)
    with ScriptedServer((echo,)) as server:
        assert run(server, TEXTS, output=output).n_answered == 20


def test_a_cancelled_task_ends_its_job(tmp_path: Path) -> None:
    output = tmp_path / "out.jsonl"
    asked = threading.Event()

    def answer(one: Request) -> Any:
        if one.number < 3:
            return echo(one)
        asked.set()
        return [hang]

    async def main(server: ScriptedServer) -> None:
        async with AsyncLLM(config(server)) as llm:
            job = asyncio.create_task(llm.batch(TEXTS, output, progress=False, concurrency=1))
            await asyncio.to_thread(asked.wait, 10)
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job

    with ScriptedServer((answer,)) as server:
        asyncio.run(main(server))
    assert ids_of(output) == ["request-1", "request-2", "request-3"]


def test_a_job_under_a_failing_progress_ends_by_its_error(tmp_path: Path) -> None:
    def show(progress: Any) -> None:
        raise ZeroDivisionError

    with ScriptedServer((echo,)) as server, pytest.raises(ZeroDivisionError):
        run(server, output=tmp_path / "out.jsonl", progress=show)
    assert sorted(set(ids_of(tmp_path / "out.jsonl"))) == sorted(ids_of(tmp_path / "out.jsonl"))


def test_progress_ends_with_all_of_it() -> None:
    seen: list[Any] = []
    with ScriptedServer((echo,)) as server, LLM(config(server)) as llm:
        llm.batch(TEXTS, progress=seen.append, price=lambda model, usage: 0.5)
    last = seen[-1]
    assert (last.n_requests, last.n_answered, last.n_in_flight) == (20, 20, 0)
    assert (last.cost, last.completion_tokens, last.left_s) == (10.0, 40, 0.0)


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        pytest.param({"concurrency": 0}, "concurrency is 0", id="concurrency"),
        pytest.param({"limit": True}, "limit is True", id="limit"),
        pytest.param({"keep_order": "yes"}, "keep_order is 'yes'", id="truth"),
        pytest.param({"engine": "dask"}, "engine is 'dask'", id="engine"),
        pytest.param({"engine": "ray"}, "llm-kit batch --engine ray", id="ray"),
        pytest.param({"errors": 7}, "errors is 7", id="errors"),
        pytest.param({"progress": 7}, "progress is 7", id="progress"),
        pytest.param({"price": 7}, "price is 7", id="price"),
        pytest.param({"max_cost": 1}, "nothing tells what answers cost", id="no price"),
        pytest.param({"max_cost": True}, "max_cost is True", id="cost"),
        pytest.param({"max_cost": float("inf")}, "max_cost is inf", id="no bound"),
        pytest.param({"errors": "e"}, "jobs without an output", id="no errors file"),
        pytest.param({"speed": 7}, "no option 'speed'", id="unknown"),
        pytest.param({"output": 7}, "output is a int", id="output"),
        pytest.param({"output": ""}, "output is empty", id="no name"),
        pytest.param({"output": "a", "errors": "a"}, "as the output is", id="one file"),
    ],
)
def test_an_option_that_cannot_work_is_named(options: Any, problem: str) -> None:
    with ScriptedServer((echo,)) as server, pytest.raises(LLMConfigError, match=problem):
        run(server, [request("a", "x")], **options)
    assert server.requests == []


def test_a_job_keeps_nobody_else_from_the_threads_of_the_loop() -> None:
    async def main() -> str:
        loop = asyncio.get_running_loop()
        loop.set_default_executor(ThreadPoolExecutor(1))
        may_end = threading.Event()
        job = asyncio.create_task(in_thread(lambda: may_end.wait(20), may_end.set))
        await asyncio.sleep(0)
        other = asyncio.create_task(asyncio.to_thread(str, "done"))
        done, _ = await asyncio.wait([other, job], return_when=asyncio.FIRST_COMPLETED)
        may_end.set()
        assert await job
        return other.result() if other in done else "waited for the job"

    assert asyncio.run(main()) == "done"


def test_a_job_that_its_loop_ends_is_stopped_and_waited_for() -> None:
    may_end, ended = threading.Event(), threading.Event()

    def run() -> None:
        assert may_end.wait(20)
        ended.set()

    async def main() -> None:
        job = asyncio.create_task(in_thread(run, may_end.set))
        await asyncio.sleep(0)
        assert not job.done()

    asyncio.run(main())
    assert ended.is_set()
