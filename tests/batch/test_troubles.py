"""What servers, disks and people do to a job's files: nothing is lost, nothing is unreadable."""

from __future__ import annotations

import io
import json
import shutil
from pathlib import Path
from typing import Any, NoReturn

import pytest

from LLM import LLM, BatchInputError, BatchOutputError, BatchReport, LLMConfig, LLMResponseError
from tests.batch.jobs import CHAT_URL, FakeEngine, chat, echo, ids_of, lines_of, run, write_requests
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer


def asked(script: Any, requests: Any = ("one",), output: Path | None = None) -> BatchReport:
    """A job at a server that answers by a script."""
    with ScriptedServer((script,)) as server:
        config = LLMConfig(base_url=server.url, model="tiny", max_retries=0)
        with LLM(config) as llm:
            return llm.batch(requests, output, progress=False)


def no_number(name: str) -> NoReturn:
    raise AssertionError(f"{name} is no JSON")


@pytest.mark.parametrize("status", [200, 400])
@pytest.mark.parametrize("number", [float("nan"), float("-inf")], ids=["NaN", "infinity"])
def test_numbers_that_json_does_not_have_become_null(
    tmp_path: Path, status: int, number: float
) -> None:
    said = {**chat("NaN"), "error": None if status == 200 else {"message": "no", "p": number}}
    asked(wire.answer({**said, "logprob": number}, status), output=tmp_path / "out.jsonl")
    for path in tmp_path.glob("*.jsonl"):
        for line in path.read_text().splitlines():
            json.loads(line, parse_constant=no_number)
    if status == 200:
        (line,) = lines_of(tmp_path / "out.jsonl")
        assert line["response"]["body"] == {**said, "logprob": None}


@pytest.mark.parametrize("status", [200, 400])
def test_an_id_of_a_request_that_is_no_unicode_is_told_in_part(tmp_path: Path, status: int) -> None:
    script = wire.answer(chat("x") if status == 200 else {}, status, [("x-request-id", "a\xff")])
    report = asked(script, output=tmp_path / "out.jsonl")
    assert report.n_answered + report.n_failed == 1
    (line,) = lines_of(report.errors or tmp_path / "out.jsonl")
    assert line["response"]["request_id"].startswith("a")


@pytest.mark.parametrize(
    ("url", "answer"),
    [
        ("/v1/embeddings", {"data": [{"index": 0, "embedding": [0.5]}]}),
        ("/v1/responses", {"id": "r", "error": None, "output": []}),
    ],
    ids=["embeddings", "responses"],
)
def test_the_answer_of_another_call_is_no_completion(url: str, answer: Any) -> None:
    (result,) = asked(wire.answer(answer), [{"url": url, "body": {"input": "x"}}]).results
    assert result.body == answer
    with pytest.raises(LLMResponseError, match="'request-1' was not answered with a completion"):
        result.text  # noqa: B018


@pytest.mark.parametrize("keep_order", [False, True], ids=["output", "journal"])
def test_an_output_that_is_removed_while_it_is_written_ends_the_job(
    tmp_path: Path, keep_order: bool
) -> None:
    source = write_requests(tmp_path / "in.jsonl", ["one", "two", "three"])
    folder = tmp_path / "out"
    folder.mkdir()

    class Engine(FakeEngine):
        def outcome(self, one: Any) -> Any:
            shutil.rmtree(folder, ignore_errors=True)
            return super().outcome(one)

    with pytest.raises(BatchOutputError, match="was moved or removed"):
        run(source, folder / "out.jsonl", Engine(), keep_order=keep_order)


def test_an_output_that_was_written_anew_by_somebody_is_put_in_order(tmp_path: Path) -> None:
    source, output = write_requests(tmp_path / "in.jsonl", ["a", "bad", "c"]), tmp_path / "o.jsonl"
    run(source, output)
    spaced = [json.dumps(line) + "\n" for line in reversed(lines_of(output))]
    output.write_text("".join(spaced))
    report = run(source, output, keep_order=True)
    assert (report.n_resumed, report.n_failed) == (3, 1)
    assert (ids_of(output), ids_of(tmp_path / "o.errors.jsonl")) == (["r0", "r2"], ["r1"])
    assert [result.error is None for result in report.results] == [True, False, True]


def test_a_stream_of_text_is_refused() -> None:
    line = json.dumps({"custom_id": "a", "url": CHAT_URL, "body": {}}) + "\n"
    with pytest.raises(BatchInputError, match="open it in binary mode"):
        asked(echo, io.StringIO(line))
