"""What is no request is found before anything is sent, and told by file and line."""

from __future__ import annotations

import io
import json
import os
from pathlib import Path
from typing import Any

import pytest

from LLM import BatchInputError
from LLM.batch import source
from LLM.batch.prompts import source_of
from tests.batch.jobs import CHAT_URL, FakeEngine, ids_of, lines_of, request, run, write_requests

GOOD = json.dumps(request("a", "Hello?")).encode()


def changed(**fields: Any) -> bytes:
    return json.dumps({**request("b", "Hello?"), **fields}).encode()


BAD_LINES = {
    "no JSON": (b"{", "is no JSON"),
    "no object": (b"[1]", "a list, not an object"),
    "NaN": (b'{"custom_id": NaN}', "is no JSON"),
    "NUL": (b'{"custom_id": "\0"}', "NUL"),
    "Latin-1": (b'{"custom_id": "\xe9"}', "no UTF-8"),
    "no custom_id": (changed(custom_id=None), "'custom_id' is missing"),
    "custom_id of a number": (changed(custom_id=7), "'custom_id' is 7"),
    "long custom_id": (changed(custom_id="x" * 513), "1 to 512 characters"),
    "custom_id twice": (changed(custom_id="a"), "which request 1 has already"),
    "GET": (changed(method="GET"), "'method' is 'GET'"),
    "unknown url": (changed(url="/v1/images"), "'url' is '/v1/images'"),
    "url of a list": (changed(url=[]), "'url' is empty"),
    "no body": (changed(body=None), "'body' is missing"),
    "no messages": (changed(body={}), "'body.messages' is missing"),
    "messages of a text": (changed(body={"messages": "Hi"}), "'body.messages' is a text"),
    "no role": (changed(body={"messages": [{"content": "Hi"}]}), "messages[0]"),
    "stream": (changed(body={"messages": [{"role": "user"}], "stream": True}), "'body.stream'"),
    "model of a number": (changed(body={"model": 4, "messages": []}), "'body.model' is a number"),
    "hot": (changed(body={"messages": [{"role": "user"}], "temperature": 9}), "temperature is 9"),
    "no prompt": (changed(url="/v1/completions", body={}), "prompt is NoneType"),
    "no input": (changed(url="/v1/embeddings", body={}), "'body.input' is missing"),
}


@pytest.mark.parametrize(("line", "problem"), BAD_LINES.values(), ids=BAD_LINES)
def test_a_line_that_is_no_request_is_told_before_anything_is_sent(
    line: bytes, problem: str, tmp_path: Path
) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(GOOD + b"\n\n" + line + b"\n")
    engine = FakeEngine()
    with pytest.raises(BatchInputError, match=r"in\.jsonl, line 3: ") as caught:
        run(file, tmp_path / "out.jsonl", engine)
    assert problem in str(caught.value)
    assert (engine.asked, os.listdir(tmp_path)) == ([], ["in.jsonl"])


def test_marks_and_line_ends_of_other_systems_are_read(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    file.write_bytes(b"\xef\xbb\xbf" + GOOD + b"\r\n  \r\n" + changed())
    run(file, tmp_path / "out.jsonl")
    assert ids_of(tmp_path / "out.jsonl") == ["a", "b"]


def test_a_line_without_end_is_not_read_into_memory(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(source, "MAX_LINE_BYTES", 1 << 20)
    file = tmp_path / "in.jsonl"
    file.write_bytes(GOOD + b"\n" + b" " * (1 << 20) + GOOD)
    with pytest.raises(BatchInputError, match=r"line 2 is longer than 1 MiB"):
        run(file, tmp_path / "out.jsonl")


def test_a_body_is_sent_as_it_is_with_the_configs_model_where_it_has_none(tmp_path: Path) -> None:
    file = tmp_path / "in.jsonl"
    bodies = [{"messages": [{"role": "user"}], "x": [1.0, None], "seed": None}]
    file.write_bytes(b"".join(changed(body=body) for body in bodies))
    seen = []

    class Looking(FakeEngine):
        def run(self, requests: Any, finish: Any) -> None:
            seen.extend(requests)
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(file, tmp_path / "out.jsonl", Looking())
    sent = b'{"messages":[{"role":"user"}],"x":[1.0,null],"model":"tiny"}'
    assert (seen[0].content, json.loads(sent)) == (sent, seen[0].body)


def test_a_missing_input_is_told(tmp_path: Path) -> None:
    with pytest.raises(BatchInputError, match=r"cannot read '.*in\.jsonl'"):
        run(tmp_path / "in.jsonl", tmp_path / "out.jsonl")


def test_a_pipe_is_refused_by_name_and_read_as_a_stream(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(BatchInputError, match="no plain file"):
        run(tmp_path / "pipe", tmp_path / "out.jsonl")
    stream = source_of(io.BytesIO(GOOD + b"\n" + changed()))
    assert [number for _ in range(2) for number, _ in stream.read()] == [1, 2, 1, 2]


def test_prompts_of_any_form_become_requests() -> None:
    given = [
        "Hi",
        [{"role": "user", "content": "Hi"}],
        {"messages": [{"role": "user", "content": "Hi"}], "seed": 1},
        {"prompt": "Once"},
        {"url": "/v1/embeddings", "body": {"input": "x"}},
        request("mine", "Hi"),
    ]
    lines = [json.loads(line) for _, line in source_of(iter(given)).read()]
    assert [line["custom_id"] for line in lines] == [f"request-{n}" for n in range(1, 6)] + ["mine"]
    assert [line["url"] for line in lines] == [
        CHAT_URL, CHAT_URL, CHAT_URL, "/v1/completions", "/v1/embeddings", CHAT_URL
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("given", "problem"),
    [
        pytest.param(7, "requests is a int", id="number"),
        pytest.param(b"Hi", "requests is a bytes", id="bytes"),
        pytest.param({"messages": []}, "requests is a dict", id="one body"),
        pytest.param("in.parquet", "llm-kit batch", id="table"),
        pytest.param([7], "request 1: it is a int", id="item"),
        pytest.param(["Hi", {"input": "x"}], "request 2: it has neither", id="unknown call"),
        pytest.param([{"messages": [], "x": {1, 2}.__iter__}], "JSON", id="no JSON form"),
        pytest.param(["\ud800"], "lone surrogate", id="half a character"),
    ],
)
def test_what_is_no_list_of_prompts_is_told(given: Any, problem: str) -> None:
    with pytest.raises(BatchInputError, match=problem):
        list(source_of(given).read())


def test_an_input_that_changes_under_the_job_ends_it(tmp_path: Path) -> None:
    file = write_requests(tmp_path / "in.jsonl", ["one", "two"])

    class Changing(FakeEngine):
        def run(self, requests: Any, finish: Any) -> None:
            write_requests(file, ["one", "three"])
            super().run(requests, finish)

    with pytest.raises(BatchInputError, match="line 2 was changed"):
        run(file, tmp_path / "out.jsonl", Changing())
    assert ids_of(tmp_path / "out.jsonl") == ["r0"]
    assert lines_of(tmp_path / "out.jsonl")[0]["error"] is None
