"""`LLMClient.batch` and `AsyncLLMClient.batch`: jobs of a model in this process."""

from __future__ import annotations

import asyncio
import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from LLM import LLMConfigError, LLMContextLengthError, LLMServerError
from LLM.batch.exceptions import BatchInputError
from LLM.batch.report import BatchReport
from LLM.batch.types import BatchProgress
from local_llm_kit import AsyncLLMClient, LLMClient

pytestmark = pytest.mark.slow

HELLO = [{"role": "user", "content": "Hello!"}]
Run = Callable[..., BatchReport]


@pytest.fixture(scope="module")
def client() -> Iterator[LLMClient]:
    with LLMClient("tiny") as client:
        yield client


@pytest.fixture(params=["blocking", "async"])
def run(request: pytest.FixtureRequest, client: LLMClient) -> Run:
    """`batch` of both clients."""
    if request.param == "blocking":
        return client.batch

    def run_async(*arguments: Any, **options: Any) -> BatchReport:
        async def main() -> BatchReport:
            async with AsyncLLMClient("tiny") as client:
                return await client.batch(*arguments, **options)

        return asyncio.run(main())

    return run_async


def write_lines(path: Path, bodies: list[dict[str, Any]]) -> Path:
    lines = [
        {"custom_id": f"r{i}", "method": "POST", "url": "/v1/chat/completions", "body": body}
        for i, body in enumerate(bodies)
    ]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    return path


def read_lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_prompts_are_answered_in_their_order(run: Run) -> None:
    report = run([{"messages": HELLO, "max_tokens": n} for n in (1, 2, 3)])
    assert [result.custom_id for result in report.results] == [
        "request-1",
        "request-2",
        "request-3",
    ]
    counts = [result.response.usage.completion_tokens for result in report.results]
    assert counts == [1, 2, 3]
    assert report.usage.completion_tokens == 6


def test_a_file_is_answered_into_a_file(run: Run, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"messages": HELLO, "max_tokens": 2}] * 5)
    report = run(source, tmp_path / "out.jsonl", keep_order=True)
    lines = read_lines(tmp_path / "out.jsonl")
    assert [line["custom_id"] for line in lines] == ["r0", "r1", "r2", "r3", "r4"]
    assert {line["response"]["body"]["object"] for line in lines} == {"chat.completion"}
    assert (report.n_answered, report.n_failed) == (5, 0)


def test_the_same_call_again_asks_nothing(client: LLMClient, tmp_path: Path) -> None:
    source = write_lines(tmp_path / "in.jsonl", [{"messages": HELLO, "max_tokens": 2}] * 5)
    client.batch(source, tmp_path / "out.jsonl", limit=2)
    before = client.stats.n_generated
    assert client.batch(source, tmp_path / "out.jsonl", limit=2).n_resumed == 2
    assert client.stats.n_generated == before
    assert client.batch(source, tmp_path / "out.jsonl").n_resumed == 2


def test_a_prompt_that_does_not_fit_is_its_own_failure(client: LLMClient, tmp_path: Path) -> None:
    long = {"messages": [{"role": "user", "content": "long " * 9000}]}
    source = write_lines(tmp_path / "in.jsonl", [long, {"messages": HELLO, "max_tokens": 2}])
    report = client.batch(source, tmp_path / "out.jsonl")
    assert (report.n_answered, report.n_failed) == (1, 1)
    assert isinstance(report.results[0].error, LLMContextLengthError)
    (line,) = read_lines(tmp_path / "out.errors.jsonl")
    assert line["custom_id"] == "r0"


def test_equal_requests_are_asked_once(client: LLMClient) -> None:
    before = client.stats.n_generated
    report = client.batch([{"messages": HELLO, "max_tokens": 2}] * 4, deduplicate=True)
    assert client.stats.n_generated - before == 2
    assert (report.n_answered, report.n_shared) == (4, 3)
    assert len({result.text for result in report.results}) == 1


def test_a_dry_run_counts_as_the_run_does(run: Run) -> None:
    requests = [
        {"messages": HELLO, "max_tokens": 2},
        {"prompt": "Once upon", "max_tokens": 3},
        {"url": "/v1/embeddings", "body": {"input": ["a", "two words"]}},
    ]
    estimate = run(requests, dry_run=True).estimate
    assert estimate is not None
    assert estimate.is_exact
    assert estimate.prompt_tokens == run(requests).usage.prompt_tokens
    assert estimate.max_completion_tokens == 5


def test_a_dry_run_generates_nothing(client: LLMClient) -> None:
    before = client.stats.n_generated
    assert client.batch(["Hello!"], dry_run=True).n_answered == 0
    assert client.stats.n_generated == before


def test_progress_is_told(client: LLMClient) -> None:
    told: list[BatchProgress] = []
    client.batch([{"messages": HELLO, "max_tokens": 2}] * 3, progress=told.append)
    assert (told[-1].n_requests, told[-1].n_answered, told[-1].completion_tokens) == (3, 3, 6)


@pytest.mark.parametrize("engine", ["ray", "provider"])
def test_another_engine_is_refused(run: Run, engine: str) -> None:
    with pytest.raises(LLMConfigError, match=f"engine is '{engine}'"):
        run(["Hello!"], engine=engine)


def test_a_path_that_no_model_has_is_refused(run: Run) -> None:
    with pytest.raises(BatchInputError, match="/v1/responses"):
        run([{"url": "/v1/responses", "body": {"input": "Hello!"}}])


def test_a_closed_client_ends_the_job() -> None:
    client = LLMClient("tiny")
    client.close()
    with pytest.raises(LLMServerError, match="closed"):
        client.batch(["Hello!"])


def test_a_cancelled_job_ends_what_runs(tmp_path: Path) -> None:
    async def main() -> None:
        async with AsyncLLMClient("tiny") as client:
            begun = asyncio.Event()
            loop = asyncio.get_running_loop()

            def tell(progress: BatchProgress) -> None:
                if progress.n_in_flight:
                    loop.call_soon_threadsafe(begun.set)

            # An answer that goes on to the window's end, unless it is cut.
            bias = {str(token): -100 for token in client.info.end_tokens}
            endless = {"messages": HELLO, "logit_bias": bias}
            job = asyncio.create_task(client.batch([endless] * 9, progress=tell))
            await begun.wait()
            job.cancel()
            with pytest.raises(asyncio.CancelledError):
                await job
            assert not [one for one in threading.enumerate() if one.name.startswith("llm-batch")]
            assert (await client.batch(["Hello!"])).n_answered == 1

    asyncio.run(main())
