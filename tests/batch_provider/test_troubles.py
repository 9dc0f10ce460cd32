"""Networks and servers that fail at any step of a job, and results that are odd."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from LLM.exceptions import (
    InvalidRequestError,
    LLMError,
    LLMRateLimitError,
    LLMResponseError,
    LLMServerError,
)
from tests.batch_provider.fake_provider import FakeOpenAI, http
from tests.batch_provider.jobs import chat_line, errors, notes, run, texts, write
from tests.remote.scripted_server import Request, reset

pytestmark = pytest.mark.slow

#: The steps of a job, as method and path.
STEPS = {
    "upload": ("POST", "/v1/files"),
    "create": ("POST", "/v1/batches"),
    "look": ("GET", "/v1/batches/"),
    "results": ("GET", "/v1/files/"),
    "delete": ("DELETE", "/v1/files/"),
}
QUOTA = {"error": {"message": "no money", "code": "insufficient_quota"}}


def fail(openai: FakeOpenAI, step: str, times: int, reply: Any) -> None:
    """Have the first so many requests of a step answered by `reply`."""
    method, path = STEPS[step]
    left = [times]

    def fault(request: Request) -> Any:
        if request.method != method or not request.path.startswith(path) or not left[0]:
            return None
        left[0] -= 1
        return reply(request) if callable(reply) else reply

    openai.fault = fault


def busy(status: int) -> bytes:
    return http(status, {"error": {"message": "busy"}}, "Retry-After: 7\r\n")


@pytest.mark.parametrize("status", [429, 500, 503])
@pytest.mark.parametrize("step", STEPS)
def test_a_passing_refusal_at_any_step_is_waited_out(
    url: str, openai: FakeOpenAI, tmp_path: Path, slept: list[float], step: str, status: int
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    fail(openai, step, 2, busy(status))
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A", "b": "B"}
    assert len(openai.batches) == 1
    # What is left at the provider is no reason to wait.
    assert (step == "delete") != any(pause_s >= 7 for pause_s in slept)


@pytest.mark.parametrize("step", STEPS)
def test_a_connection_that_breaks_at_any_step_is_made_again(
    url: str, openai: FakeOpenAI, tmp_path: Path, step: str
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    fail(openai, step, 2, [reset])
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A", "b": "B"}
    assert len(openai.batches) == 1


@pytest.mark.parametrize("step", ["upload", "create"])
@pytest.mark.parametrize("reply", [[reset], busy(500)], ids=["broken", "500"])
def test_what_was_made_though_its_answer_was_lost_is_not_made_again(
    url: str, openai: FakeOpenAI, tmp_path: Path, step: str, reply: Any
) -> None:
    def lost(request: Request) -> Any:
        openai.route(request)
        return reply

    write(tmp_path / "in.jsonl", [chat_line("a", "A")])
    fail(openai, step, 1, lost)
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A"}
    assert len(openai.batches) == 1
    assert [file["purpose"] for file in openai.files.values()] == ["batch_output"]


def test_a_network_that_is_away_for_hours_ends_no_job(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", "A")])
    fail(openai, "look", 100, [reset])
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A"}


def test_a_look_that_is_answered_by_something_else_is_given_up_in_the_end(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", "A")])
    fail(openai, "look", 100, http(200, b"<html>Log in to the airport's network</html>"))
    with pytest.raises(LLMResponseError, match="not with JSON"):
        run(url, tmp_path)
    openai.fault = None
    assert run(url, tmp_path).n_answered == 1
    assert len(openai.batches) == 1


@pytest.mark.parametrize(
    ("step", "reply", "expected"),
    [
        ("upload", http(413, {"error": {"message": "too large"}}), InvalidRequestError),
        ("create", http(400, {"error": {"message": "bad"}}), InvalidRequestError),
        ("create", http(429, QUOTA), LLMRateLimitError),
        ("create", busy(500), LLMServerError),
        ("look", http(404, {"error": {"message": "no such batch"}}), InvalidRequestError),
        ("results", http(404, {"error": {"message": "no such file"}}), InvalidRequestError),
    ],
    ids=["upload", "create", "no quota", "create fails", "batch gone", "results gone"],
)
def test_a_refusal_for_good_ends_the_job_which_can_be_run_again(
    url: str,
    openai: FakeOpenAI,
    tmp_path: Path,
    step: str,
    reply: bytes,
    expected: type[LLMError],
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", "A")])
    fail(openai, step, 100, reply)
    with pytest.raises(expected):
        run(url, tmp_path)
    openai.fault = None
    run(url, tmp_path)
    assert texts(tmp_path) == {"a": "A"}
    assert len(openai.batches) == 1


@pytest.mark.parametrize("step", ["look", "results"])
def test_a_batch_that_is_gone_is_told_with_what_to_do(
    url: str, openai: FakeOpenAI, tmp_path: Path, step: str
) -> None:
    write(tmp_path / "in.jsonl", [chat_line("a", "A")])
    fail(openai, step, 1, http(404, {"error": {"message": "no such batch"}}))
    with pytest.raises(InvalidRequestError, match="another account's") as caught:
        run(url, tmp_path)
    assert (caught.value.code, caught.value.status_code) == ("batch_gone", 404)


def test_results_that_are_cut_short_are_read_again_from_where_they_broke_off(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    def cut(request: Request) -> Any:
        whole = http(200, openai.files[request.path.split("/")[3]]["content"].encode("latin-1"))
        return [whole[:-100], reset]

    write(tmp_path / "in.jsonl", [chat_line(f"{n}", "x" * 100) for n in range(20)])
    fail(openai, "results", 2, cut)
    assert run(url, tmp_path).n_answered == 20
    assert len(texts(tmp_path)) == 20


def line(custom_id: str) -> bytes:
    body = {"choices": [{"index": 0, "message": {"role": "assistant", "content": "theirs"}}]}
    response = {"status_code": 200, "request_id": "r", "body": body}
    return json.dumps({"custom_id": custom_id, "response": response, "error": None}).encode()


@pytest.mark.parametrize(
    "spoil",
    [
        lambda lines: [*lines, line("unknown"), line("")],
        lambda lines: [*lines, line("a")],
        lambda lines: [lines[0][:40], b"\xff\x00", b"[]", b"null", *lines],
        lambda lines: [b"", *lines, b""],
        lambda lines: [b"[" * 100_000, *lines],
    ],
    ids=["unknown ids", "a doubled id", "torn lines", "empty lines", "deep nesting"],
)
def test_odd_lines_among_the_results_spoil_nothing(
    url: str, openai: FakeOpenAI, tmp_path: Path, spoil: Callable[[list[bytes]], list[bytes]]
) -> None:
    openai.spoil = spoil
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    assert run(url, tmp_path).n_failed == 0
    assert texts(tmp_path) == {"a": "A", "b": "B"}


@pytest.mark.parametrize(
    ("spoil", "code"),
    [
        (lambda lines: lines[1:], "missing_result"),
        (lambda lines: [lines[0][:-20], *lines[1:]], "missing_result"),
        (lambda lines: [], "missing_result"),
        (lambda lines: [b'{"custom_id": "a"}', *lines[1:]], "unreadable_result"),
        (lambda lines: [b'{"custom_id": "a", "response": {}}', *lines[1:]], "unreadable_result"),
    ],
    ids=["missing", "torn", "all missing", "empty result", "no status"],
)
def test_a_request_without_a_result_has_failed_and_can_be_asked_again(
    url: str,
    openai: FakeOpenAI,
    tmp_path: Path,
    spoil: Callable[[list[bytes]], list[bytes]],
    code: str,
) -> None:
    openai.spoil = spoil
    write(tmp_path / "in.jsonl", [chat_line("a", "A"), chat_line("b", "B")])
    run(url, tmp_path)
    assert errors(tmp_path)["a"]["code"] == code
    openai.spoil = lambda lines: lines
    run(url, tmp_path, retry_errors=True)
    assert texts(tmp_path) == {"a": "A", "b": "B"}
    assert not notes(tmp_path).exists()


def test_an_id_that_leads_elsewhere_is_not_followed(
    url: str, openai: FakeOpenAI, tmp_path: Path
) -> None:
    def lead_away(request: Request) -> None:
        for batch in openai.batches.values():
            batch.update({"error_file_id": "../../admin"})

    write(tmp_path / "in.jsonl", [chat_line("a", "A")])
    openai.fault = lead_away
    with pytest.raises(LLMResponseError, match="cannot stand in a path"):
        run(url, tmp_path)
    assert not any("admin" in call for call in openai.calls)
