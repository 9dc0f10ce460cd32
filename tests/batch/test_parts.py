"""The parts of jobs that need no server: throttle, digests, sharing, estimates, reports."""

from __future__ import annotations

import asyncio
import itertools
from pathlib import Path
from typing import Any

import pytest

from LLM import LLM, LLMConfig, LLMError, LLMRateLimitError, LLMResponseError, RetryPolicy
from LLM.batch.digests import DigestTable, digest64
from LLM.batch.files import GrowingFile
from LLM.batch.loop_engine import _Gate
from LLM.batch.report import BatchResult
from LLM.batch.throttle import MAX_PAUSE_S, MAX_PAUSES, RequestRetry, Throttle, is_overload
from LLM.batch.types import BatchProgress
from LLM.exceptions import LLMServerError
from tests.batch.jobs import FakeEngine, ids_of, request, run, write_requests


def test_a_refusal_halves_what_may_be_in_flight_and_pauses_the_job() -> None:
    throttle = Throttle(8)
    assert throttle.refused(0, 2.0, now=100.0)
    assert (throttle.allowed, throttle.wait_s(100.5), throttle.wait_s(102.0)) == (4.0, 1.5, 0.0)


def test_refusals_of_what_was_sent_before_the_pause_halve_it_no_further() -> None:
    throttle = Throttle(8)
    assert all(throttle.refused(0, 1.0, now=0.0) for _ in range(8))
    assert (throttle.allowed, throttle.epoch, throttle.wait_s(0.0)) == (4.0, 1, 1.0)


def test_a_late_refusal_that_asks_for_longer_prolongs_the_pause() -> None:
    throttle = Throttle(8)
    throttle.refused(0, 1.0, now=0.0)
    throttle.refused(0, 9.0, now=0.5)
    assert throttle.wait_s(0.5) == 9.0


def test_answers_allow_slowly_more_up_to_the_most() -> None:
    throttle = Throttle(4)
    throttle.refused(0, 0.0, now=0.0)
    for _ in range(50):
        throttle.answered(epoch=1)
    assert throttle.allowed == 4.0


def test_one_may_be_in_flight_whatever_is_refused() -> None:
    throttle = Throttle(8)
    for epoch in range(10):
        throttle.refused(epoch, 0.0, now=0.0)
    assert (throttle.allowed, throttle.wait_s(0.0)) == (1.0, 0.0)
    throttle.n_in_flight = 1
    assert throttle.wait_s(0.0) is None


def test_pauses_double_to_a_bound_and_end_after_many() -> None:
    throttle, now, pauses = Throttle(8), 0.0, []
    while throttle.refused(throttle.epoch, 1.0, now):
        pauses.append(throttle.wait_s(now))
        now += 1000.0
    assert pauses[:7] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, MAX_PAUSE_S]
    assert len(pauses) == MAX_PAUSES


def test_an_answer_ends_the_row_of_pauses() -> None:
    throttle = Throttle(8)
    for _ in range(3 * MAX_PAUSES):
        assert throttle.refused(throttle.epoch, 1.0, now=0.0)
        throttle.answered(throttle.epoch)


def test_refusals_are_no_tries_of_a_request() -> None:
    retry = RequestRetry(RetryPolicy(max_retries=2, base_delay=1.0), lambda pause_s: True)
    limited, broken = LLMRateLimitError("", status_code=429), LLMServerError("", status_code=500)
    delays = [retry.delay(limited, n) for n in (1, 2, 3)]
    assert [*delays, retry.delay(broken, 4), retry.delay(broken, 5)] == [0.0, 0.0, 0.0, 1.0, 2.0]
    assert retry.delay(broken, 6) is None


def test_a_spent_quota_is_no_overload() -> None:
    assert not is_overload(LLMRateLimitError("", status_code=429, code="insufficient_quota"))
    assert is_overload(LLMServerError("", status_code=529))


def test_a_table_of_digests_keeps_the_first_number_of_each() -> None:
    table = DigestTable()
    digests = [digest64(b"%d" % n) for n in range(5000)]
    assert [table.add(digest, n) for n, digest in enumerate(digests)] == list(range(5000))
    assert [table.add(digest, 0) for digest in digests] == list(range(5000))
    assert (len(table), table.get(digest64(b"x"))) == (5000, None)


def test_a_closed_file_takes_nothing(tmp_path: Path) -> None:
    file = GrowingFile(tmp_path / "file")
    file.close()
    with pytest.raises(LLMError):
        file.append(b"x\n")


@pytest.mark.parametrize("keep_order", [False, True])
def test_requests_of_the_same_words_are_asked_once(tmp_path: Path, keep_order: bool) -> None:
    texts = [str(n % 7) for n in range(40)] + ["bad", "bad"]
    source = write_requests(tmp_path / "in.jsonl", texts)
    engine = FakeEngine()
    report = run(source, tmp_path / "out.jsonl", engine, deduplicate=True, keep_order=keep_order)
    assert engine.asked == [*(f"r{n}" for n in range(7)), "r40"]
    assert (report.n_answered, report.n_failed, report.n_shared) == (40, 2, 34)
    assert report.usage.calls == 7
    assert [result.text for result in report.results[:40]] == texts[:40]
    assert sorted(ids_of(tmp_path / "out.jsonl")) == sorted(f"r{n}" for n in range(40))


def dry_run(requests: Any, **options: Any) -> Any:
    with LLM(LLMConfig(model="tiny")) as llm:
        return llm.batch(requests, dry_run=True, **options)


def test_a_dry_run_counts_and_sends_nothing(tmp_path: Path) -> None:
    requests = [request("a", "x" * 400, max_tokens=9, n=2), request("b", "y", max_tokens=1)]
    prices = {"tiny": (1.0, 2.0)}

    def price(model: str, usage: Any) -> float:
        of_prompt, of_completion = prices[model]
        return of_prompt * usage.prompt_tokens + of_completion * usage.completion_tokens

    report = dry_run([*requests, request("c", "y", max_tokens=1)], price=price)
    found = report.estimate
    assert (found.n_requests, found.n_distinct, found.max_completion_tokens) == (3, 2, 20)
    assert found.prompt_tokens > 100
    assert (found.prompt_cost, found.max_cost) == (found.prompt_tokens, found.prompt_tokens + 40)
    assert "at most 20 tokens" in str(report)


def test_a_dry_run_leaves_no_file_and_counts_what_is_left(tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", ["one", "two", "two"])
    output = tmp_path / "out.jsonl"
    assert run(source, output, dry_run=True).estimate.n_requests == 3
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]
    run(source, output, limit=1)
    assert run(source, output, dry_run=True).estimate.n_requests == 2
    assert run(source, output, dry_run=True, deduplicate=True).estimate.n_requests == 1


def test_a_dry_run_counts_with_the_clients_own_counter() -> None:
    with LLM(LLMConfig(model="tiny"), count_tokens=lambda messages: 7) as llm:
        found = llm.batch(["Hi", {"prompt": "Once"}], dry_run=True).estimate
    assert (found.prompt_tokens, found.is_exact, found.max_completion_tokens) == (14, True, None)


def test_a_limit_ends_an_iterable_that_has_no_end() -> None:
    assert dry_run(map(str, itertools.count()), limit=5).n_requests == 5


def test_a_report_prints_as_a_table(tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", ["one", "bad"])
    report = run(source, tmp_path / "out.jsonl", price=lambda model, usage: 0.25)
    rows = dict(line.split(maxsplit=1) for line in str(report).splitlines())
    assert rows["requests"] == "2"
    assert (rows["failed"], rows["cost"], rows["tokens"]) == (
        "1", "$0.2500", "3 prompt, 2 completion"
    )  # fmt: skip
    assert rows["errors"].endswith("out.errors.jsonl")


def test_a_failed_result_raises_its_error_when_its_text_is_wanted(tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", ["bad"])
    result = run(source, tmp_path / "out.jsonl").results[0]
    with pytest.raises(LLMError, match="no") as caught:
        _ = result.text
    assert (caught.value, caught.value.status_code) == (result.error, 400)


def test_results_of_an_output_that_is_gone_say_so(tmp_path: Path) -> None:
    source = write_requests(tmp_path / "in.jsonl", ["one"])
    results = run(source, tmp_path / "out.jsonl").results
    (tmp_path / "out.jsonl").write_text("")
    with pytest.raises(LLMError, match="changed or moved"):
        _ = results[0]


def test_the_time_left_is_told_by_the_pace() -> None:
    progress = BatchProgress(100, 20, 10, 10, 4, 0, 0, None, elapsed_s=5.0)
    assert progress.left_s == 15.0


def test_a_turn_that_comes_as_its_task_is_cancelled_is_given_to_the_next() -> None:
    async def main() -> int:
        gate = _Gate(Throttle(1))
        await gate.enter()
        first, second = (asyncio.create_task(gate.enter()) for _ in range(2))
        await asyncio.sleep(0)
        gate.leave()
        first.cancel()
        done, waiting = await asyncio.wait([first, second], timeout=10)
        for task in waiting:
            task.cancel()
        return len(done)

    assert asyncio.run(main()) == 2


@pytest.mark.parametrize("body", [{"choices": 5}, {"choices": [5]}, {"choices": {}}, [], "text"])
def test_a_result_that_is_no_completion_says_so(body: Any) -> None:
    with pytest.raises(LLMResponseError, match="was not answered with a completion"):
        _ = BatchResult("a", body, None).text
