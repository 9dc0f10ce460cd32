"""Outputs that are tables: what is carried, what is added, and that nothing is lost on the way."""

from __future__ import annotations

import csv
import datetime
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from LLM import LLMConfigError
from LLM.batch.exceptions import BatchOutputError
from llm_kit.tables import open_table
from llm_kit.tables.output import TableOutput

pytestmark = pytest.mark.slow

ODD = 'a "quote", a comma\r\nnext\rlast\0\té'
COLUMNS = ["answer", "finish_reason", "prompt_tokens", "completion_tokens", "error", "response"]


def line(custom_id: str, text: str | None = "Hi") -> bytes:
    body = {
        "choices": [{"message": {"content": text}, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 3, "completion_tokens": 2},
    }
    response = {"status_code": 200, "request_id": None, "body": body}
    fields = {"id": "batch_req_1", "custom_id": custom_id, "response": response, "error": None}
    return json.dumps(fields, separators=(",", ":")).encode() + b"\n"


def failure(custom_id: str) -> bytes:
    error = {"code": None, "message": "no such model", "type": "ModelNotFoundError"}
    fields = {"id": "batch_req_1", "custom_id": custom_id, "response": None, "error": error}
    return json.dumps(fields).encode() + b"\n"


def read_csv(path: Path) -> list[dict[str, str]]:
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def read(path: Path) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = pq.read_table(path).to_pylist()
    return rows


def make_csv(path: Path, rows: list[list[str]]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


@pytest.fixture(params=["csv", "parquet"])
def output(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    return tmp_path / f"out.{request.param}"


def test_columns_are_carried_beside_the_answer(tmp_path: Path) -> None:
    table = open_table(make_csv(tmp_path / "in.csv", [["note", "prompt"], ["mine", "Hello!"]]))
    TableOutput(tmp_path / "out.csv", table).finish([line("row-1")])
    (row,) = read_csv(tmp_path / "out.csv")
    assert list(row) == ["note", "prompt", "custom_id", *COLUMNS]
    assert [*row.values()][:-1] == ["mine", "Hello!", "row-1", "Hi", "stop", "3", "2", ""]
    assert json.loads(row["response"]) == json.loads(line("row-1"))


def test_a_failure_has_a_row_too(output: Path) -> None:
    TableOutput(output, None).finish([line("a"), failure("b")])
    rows = read_csv(output) if output.suffix == ".csv" else read(output)
    assert [(row["custom_id"], row["error"] or None) for row in rows] == [
        ("a", None),
        ("b", "no such model"),
    ]
    assert not rows[1]["answer"]


def test_odd_characters_come_through(tmp_path: Path, output: Path) -> None:
    table = open_table(make_csv(tmp_path / "in.csv", [["prompt"], [ODD]]))
    TableOutput(output, table).finish([line("row-1", ODD)])
    (row,) = read_csv(output) if output.suffix == ".csv" else read(output)
    assert (row["prompt"], row["answer"]) == (ODD, ODD)
    (known,) = TableOutput(output, table).known()
    assert known == line("row-1", ODD)


def test_half_a_character_spoils_no_table(output: Path) -> None:
    TableOutput(output, None).finish([line("a").replace(b'"Hi"', rb'"\ud83d\ude00 \u00e9"')])
    (row,) = read_csv(output) if output.suffix == ".csv" else read(output)
    assert row["answer"] == "\U0001f600 é"


def test_parquet_columns_keep_their_types(tmp_path: Path) -> None:
    when = datetime.datetime(2026, 1, 2, 3, 4, 5, 6)
    columns = {
        "custom_id": pa.array([1, 2]),
        "prompt": pa.array(["a", "b"]),
        "when": pa.array([when, None], pa.timestamp("ns")),
        "tags": pa.array([["x"], None]),
        "facts": pa.array([{"n": 1}, {"n": 2}]),
    }
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    TableOutput(tmp_path / "out.parquet", open_table(tmp_path / "in.parquet")).finish(
        [line("1"), line("2")]
    )
    made = pq.read_table(tmp_path / "out.parquet")
    assert made.select(list(columns)).equals(pa.table(columns))
    assert made.column_names == [*columns, *COLUMNS]


def test_parquet_values_become_texts_in_csv(tmp_path: Path) -> None:
    columns = {
        "prompt": ["a"], "tags": [["x", "é"]], "n": [1.5], "yes": [True], "none": pa.nulls(1),
        "when": pa.array([1], pa.timestamp("ns")), "raw": [b"\x00\xff"],
    }  # fmt: skip
    pq.write_table(pa.table(columns), tmp_path / "in.parquet")
    TableOutput(tmp_path / "out.csv", open_table(tmp_path / "in.parquet")).finish([line("row-1")])
    (row,) = read_csv(tmp_path / "out.csv")
    assert [row[name] for name in columns] == [
        "a", '["x", "é"]', "1.5", "true", "", "1970-01-01 00:00:00.000000001", "00ff",
    ]  # fmt: skip


def test_an_embedding_is_json(output: Path) -> None:
    body = json.dumps({"data": [{"embedding": [0.5, -1.0]}], "usage": {"prompt_tokens": 2}})
    text = f'{{"id":"batch_req_1","custom_id":"a","response":{{"body":{body}}},"error":null}}\n'
    TableOutput(output, None).finish([text.encode()])
    (row,) = read_csv(output) if output.suffix == ".csv" else read(output)
    assert json.loads(row["answer"]) == [0.5, -1.0]


def test_a_responses_answer_has_its_text(output: Path) -> None:
    item = {"content": [{"type": "output_text", "text": "Hi"}]}
    body = json.dumps({"output": [item], "status": "completed", "usage": {"output_tokens": 2}})
    text = f'{{"id":"batch_req_1","custom_id":"a","response":{{"body":{body}}},"error":null}}\n'
    TableOutput(output, None).finish([text.encode()])
    (row,) = read_csv(output) if output.suffix == ".csv" else read(output)
    assert (row["answer"], row["finish_reason"]) == ("Hi", "completed")
    assert str(row["completion_tokens"]) == "2"


def test_a_limit_takes_the_first_rows(tmp_path: Path, output: Path) -> None:
    table = open_table(make_csv(tmp_path / "in.csv", [["prompt"], *([str(i)] for i in range(9))]))
    TableOutput(output, table).finish([line("row-1"), line("row-2")])
    rows = read_csv(output) if output.suffix == ".csv" else read(output)
    assert [row["prompt"] for row in rows] == ["0", "1"]


def test_many_rows_are_written_in_groups(tmp_path: Path) -> None:
    make_csv(tmp_path / "in.csv", [["prompt"], *([str(i)] for i in range(2500))])
    output = TableOutput(tmp_path / "out.parquet", open_table(tmp_path / "in.csv"))
    output.finish(line(f"row-{i + 1}") for i in range(2500))
    assert pq.ParquetFile(tmp_path / "out.parquet").num_row_groups == 3
    assert len(list(output.known())) == 2500


def test_an_output_of_nothing_has_its_columns(output: Path) -> None:
    TableOutput(output, None).finish([])
    assert open_table(output).columns == ("custom_id", *COLUMNS)


def test_what_goes_wrong_leaves_the_old_table(tmp_path: Path, output: Path) -> None:
    made = TableOutput(output, None)
    made.finish([line("a")])

    def broken() -> Iterator[bytes]:
        yield line("b")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        made.finish(broken())
    assert list(made.known()) == [line("a")]
    assert [path.name for path in tmp_path.iterdir()] == [output.name]


def test_a_column_of_an_answers_name_is_refused(tmp_path: Path) -> None:
    table = open_table(make_csv(tmp_path / "in.csv", [["prompt", "answer"], ["a", "b"]]))
    with pytest.raises(BatchOutputError, match=r"has a column 'answer'.* another name"):
        TableOutput(tmp_path / "out.csv", table)


def test_a_table_of_somebody_else_is_not_overwritten(tmp_path: Path) -> None:
    make_csv(tmp_path / "out.csv", [["prompt"], ["a"]])
    with pytest.raises(BatchOutputError, match="was not made by a job"):
        list(TableOutput(tmp_path / "out.csv", None).known())


def test_an_input_that_has_lost_rows_says_so(tmp_path: Path, output: Path) -> None:
    table = open_table(make_csv(tmp_path / "in.csv", [["prompt"], ["a"]]))
    with pytest.raises(BatchOutputError, match="has fewer rows than when the job began"):
        TableOutput(output, table).finish([line("row-1"), line("row-2")])


def test_a_journal_that_is_none_says_so(output: Path) -> None:
    with pytest.raises(BatchOutputError, match=r"the journal of .* was changed"):
        TableOutput(output, None).finish([b"{}\n"])


def test_a_folder_that_is_not_there_says_so(tmp_path: Path) -> None:
    with pytest.raises(BatchOutputError, match="cannot write"):
        TableOutput(tmp_path / "no" / "out.csv", None).finish([line("a")])


def test_parquet_without_pyarrow_names_the_extra(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, "pyarrow.parquet", None)
    with pytest.raises(LLMConfigError, match=r"pip install '\.\[batch\]'"):
        TableOutput(tmp_path / "out.parquet", None)
