"""Jobs through OpenAI's batch endpoint: how they end, and what is left of them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from LLM.exceptions import InvalidRequestError, LLMAuthError, LLMConfigError, LLMRateLimitError
from LLM.types import Usage
from tests.batch_provider.fake_provider import FakeOpenAI, http
from tests.batch_provider.jobs import chat_line, errors, lines_of, notes, run, texts, write

pytestmark = pytest.mark.slow


def test_a_job_is_one_batch_and_its_answers_are_the_output(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line(f"id {n}", f"text {n}") for n in range(5)])
    report = run(url, tmp_path)
    assert texts(tmp_path) == {f"id {n}": f"text {n}" for n in range(5)}
    assert (report.n_answered, report.n_failed, report.usage.total_tokens) == (5, 0, 75)
    assert len(openai.batches) == 1
    assert not notes(tmp_path).exists()


def test_what_was_uploaded_is_deleted_and_results_are_not(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a")])
    run(url, tmp_path)
    assert [file["purpose"] for file in openai.files.values()] == ["batch_output"]


def test_the_batch_holds_the_lines_of_the_input(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    lines = [chat_line("a", "ä\u2028\n", temperature=0.1), chat_line('"b"', seed=2**60)]
    write(tmp_path / "in.jsonl", lines)
    run(url, tmp_path)
    assert next(iter(openai.asked.values())) == lines
    (batch,) = openai.batches.values()
    assert (batch["endpoint"], batch["completion_window"]) == ("/v1/chat/completions", "24h")


def test_each_model_and_each_path_has_its_own_batch(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    embedding = {
        "custom_id": "e", "url": "/v1/embeddings", "body": {"model": "e-1", "input": "x"}
    }  # fmt: skip
    response = {"custom_id": "r", "url": "/v1/responses", "body": {"input": "x"}}
    lines = [chat_line("a"), chat_line("b", model="gpt-4"), chat_line("c"), embedding, response]
    write(tmp_path / "in.jsonl", lines)
    report = run(url, tmp_path)
    asked = [[line["custom_id"] for line in lines] for lines in openai.asked.values()]
    assert sorted(asked) == [["a", "c"], ["b"], ["e"], ["r"]]
    assert (report.n_answered, report.usage.total_tokens) == (5, 75)


@pytest.mark.parametrize(
    ("name", "value"),
    [("max_requests", 3), ("max_bytes", 1024 + 3 * 150)],
    ids=["requests", "bytes"],
)
def test_what_is_too_large_for_one_batch_becomes_several(
    url: str,
    openai: FakeOpenAI,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    name: str,
    value: int,
) -> None:
    monkeypatch.setattr(f"LLM.batch.provider.openai.OpenAIBatches.{name}", value)
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(8)])
    run(url, tmp_path)
    assert [len(asked) for asked in openai.asked.values()] == [3, 3, 2]
    assert len(texts(tmp_path)) == 8


def test_embeddings_count_by_their_texts(
    url: str, openai: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("LLM.batch.provider.openai.OpenAIBatches.max_requests", 4)
    inputs = [["a", "b", "c"], ["d", "e"], [1, 2, 3, 4, 5], "f"]
    lines = [
        {"custom_id": f"{n}", "url": "/v1/embeddings", "body": {"model": "e", "input": texts}}
        for n, texts in enumerate(inputs)
    ]
    write(tmp_path / "in.jsonl", lines)
    run(url, tmp_path)
    assert [len(asked) for asked in openai.asked.values()] == [1, 3]


def test_a_request_larger_than_a_batch_fails_alone(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("LLM.batch.provider.openai.OpenAIBatches.max_bytes", 2000)
    write(tmp_path / "in.jsonl", [chat_line("a", "x" * 2000), chat_line("b")])
    run(url, tmp_path)
    assert list(texts(tmp_path)) == ["b"]
    assert "larger than a whole batch" in errors(tmp_path)["a"]["message"]


def test_concurrency_bounds_what_the_provider_has_at_a_time(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    openai.looks = 2
    at_once = []

    def note(request: Any) -> None:
        running = [b for b in openai.batches.values() if b["status"] not in ("completed",)]
        at_once.append(sum(len(openai.asked[batch["id"]]) for batch in running))

    openai.fault = note
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(10)])
    run(url, tmp_path, concurrency=4)
    assert [len(asked) for asked in openai.asked.values()] == [4, 4, 2]
    assert max(at_once) == 4


def test_looks_at_a_batch_grow_apart_from_5_to_60_seconds(
    url: str, openai: FakeOpenAI, tmp_path: Path, slept: list[float]
) -> None:
    openai.looks = 10
    write(tmp_path / "in.jsonl", [chat_line("a")])
    run(url, tmp_path)
    assert slept == [5, 7.5, 11.25, 16.875, 25.3125, 37.96875, 56.953125, 60, 60, 60]


def test_a_price_is_halved(url: str, tmp_path: Path) -> None:
    def price(model: str, usage: Usage) -> float:
        return 1.0 * usage.total_tokens

    write(tmp_path / "in.jsonl", [chat_line("a"), chat_line("b")])
    assert run(url, tmp_path, price=price).cost == 15.0


@pytest.mark.parametrize("ending", ["expired", "cancelled"])
def test_a_batch_that_ends_early_gives_what_it_has(
    url: str, openai: FakeOpenAI, tmp_path: Path, ending: str
) -> None:
    openai.ending = ending
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(4)])
    report = run(url, tmp_path)
    assert (report.n_answered, report.n_failed) == (2, 2)
    assert errors(tmp_path)["3"]["code"] == f"batch_{ending}"
    openai.ending = "completed"
    report = run(url, tmp_path, retry_errors=True)
    assert (report.n_answered, report.n_resumed) == (4, 2)
    assert sorted(texts(tmp_path)) == ["0", "1", "2", "3"]


def test_a_request_that_the_model_refused_is_an_error_with_its_status(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    refusal = {"error": {"message": "too long", "code": "context_length_exceeded"}}
    openai.answer = lambda custom_id, body: (400, refusal)
    write(tmp_path / "in.jsonl", [chat_line("a")])
    run(url, tmp_path)
    (line,) = lines_of(tmp_path / "out.errors.jsonl")
    assert line["error"]["type"] == "LLMContextLengthError"
    assert (line["response"]["status_code"], line["response"]["request_id"]) == (400, "req_0")


def test_an_answer_of_200_that_is_none_is_an_error(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    openai.answer = lambda custom_id, body: {"choices": []}
    write(tmp_path / "in.jsonl", [chat_line("a")])
    run(url, tmp_path)
    assert errors(tmp_path)["a"]["type"] == "LLMResponseError"


def test_a_refused_batch_ends_the_job_and_is_forgotten(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    openai.ending = "failed"
    write(tmp_path / "in.jsonl", [chat_line("a")])
    with pytest.raises(InvalidRequestError, match="no such model") as caught:
        run(url, tmp_path)
    assert caught.value.code == "invalid_model"
    assert not notes(tmp_path).exists()
    assert not openai.files
    openai.ending = "completed"
    assert run(url, tmp_path).n_answered == 1


def test_lines_that_the_provider_refuses_fail_and_the_others_go_on(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    def problems() -> list[dict[str, Any]]:
        openai.ending = "completed"
        return [{"code": "bad_body", "message": "odd", "line": line} for line in (2, 4)]

    openai.problems, openai.ending = problems, "failed"  # type: ignore[method-assign]  # a script
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(5)])
    run(url, tmp_path)
    assert sorted(texts(tmp_path)) == ["0", "2", "4"]
    assert {name: error["code"] for name, error in errors(tmp_path).items()} == {
        "1": "bad_body",
        "3": "bad_body",
    }


def test_a_provider_that_refuses_a_line_each_time_is_given_up(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    openai.problems = lambda: [{"code": "bad", "message": "odd", "line": 1}]  # type: ignore[method-assign]  # a script
    openai.ending = "failed"
    write(tmp_path / "in.jsonl", [chat_line(f"{n}") for n in range(9)])
    with pytest.raises(InvalidRequestError, match="line 1: odd"):
        run(url, tmp_path)
    assert len(openai.batches) == 4
    assert sorted(errors(tmp_path)) == ["0", "1", "2"]


def queue_is_full() -> list[dict[str, Any]]:
    message = "Enqueued token limit reached"
    return [{"code": "token_limit_exceeded", "message": message, "line": None}]


def test_a_batch_waits_for_the_others_where_the_queue_is_full(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    openai.problems = queue_is_full  # type: ignore[method-assign]  # a script
    openai.script = [("completed", 4), ("failed", 0)]
    write(tmp_path / "in.jsonl", [chat_line("a"), chat_line("b", model="gpt-4")])
    assert run(url, tmp_path).n_answered == 2
    asked = [[line["custom_id"] for line in lines] for lines in openai.asked.values()]
    assert asked == [["a"], ["b"], ["b"]]


def test_a_queue_that_is_full_of_others_ends_the_job_with_its_reason(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    openai.problems = queue_is_full  # type: ignore[method-assign]  # a script
    openai.script = [("completed", 0), ("failed", 1)]
    write(tmp_path / "in.jsonl", [chat_line("a"), chat_line("b", model="gpt-4")])
    with pytest.raises(LLMRateLimitError, match="Enqueued token limit") as caught:
        run(url, tmp_path)
    assert caught.value.code == "token_limit_exceeded"
    assert list(texts(tmp_path)) == ["a"]
    assert run(url, tmp_path).n_answered == 2


def test_a_job_needs_an_output_file(tmp_path: Path) -> None:
    from LLM.batch.provider.jobs import notes_folder

    with pytest.raises(LLMConfigError, match="name a file"):
        notes_folder(None)


def test_the_key_is_in_none_of_the_files(url: str, openai: FakeOpenAI, tmp_path: Path) -> None:
    openai.ending = "failed"
    openai.fault = lambda request: (
        http(401, {"error": {"message": request.headers["authorization"]}})
        if openai.batches
        else None
    )
    write(tmp_path / "in.jsonl", [chat_line("a")])
    with pytest.raises(LLMAuthError) as caught:
        run(url, tmp_path)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert len(files) >= 2
    assert not any(b"sk-test" in path.read_bytes() for path in files)
    assert "sk-test" not in repr(caught.value)


def test_a_refused_key_leaves_the_batch_for_the_next_run(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    openai.fault = lambda request: (
        http(401, {"error": {"message": "no"}}) if request.method == "GET" else None
    )
    write(tmp_path / "in.jsonl", [chat_line("a")])
    with pytest.raises(LLMAuthError) as caught:
        run(url, tmp_path)
    assert "batch_2: the same call comes back" in caught.value.__notes__[0]
    openai.fault = None
    assert run(url, tmp_path).n_answered == 1
    assert len(openai.batches) == 1


def test_the_notes_name_the_provider_and_the_batch(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    openai.fault = lambda request: (
        http(401, {"error": {"message": "no"}}) if request.method == "GET" else None
    )
    write(tmp_path / "in.jsonl", [chat_line("a")])
    with pytest.raises(LLMAuthError):
        run(url, tmp_path)
    told = json.loads((notes(tmp_path) / "job.json").read_text())
    assert (told["api"], told["address"]) == ("openai", f"{url}/v1")
    assert [part["batch_id"] for part in told["parts"]] == list(openai.batches)
