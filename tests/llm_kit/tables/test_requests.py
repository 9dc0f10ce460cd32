"""Rows of tables as requests."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from LLM.batch.exceptions import BatchInputError
from llm_kit.tables.csv import CsvTable
from llm_kit.tables.parquet import ParquetTable
from llm_kit.tables.requests import TableSource

HELLO = [{"role": "user", "content": "Hello!"}]


def csv_requests(folder: Path, text: str | bytes) -> list[Any]:
    path = folder / "in.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return [request for _, request in TableSource(CsvTable(path)).read()]


def parquet_requests(folder: Path, columns: dict[str, list[Any]]) -> list[Any]:
    path = folder / "in.parquet"
    pq.write_table(pa.table(columns), path)
    return [request for _, request in TableSource(ParquetTable(path)).read()]


def problem(folder: Path, text: str | bytes) -> str:
    with pytest.raises(BatchInputError) as caught:
        csv_requests(folder, text)
    return str(caught.value).removeprefix(str(folder / "in.csv"))


def test_a_prompt_is_a_user_message(tmp_path: Path) -> None:
    (request,) = csv_requests(tmp_path, "prompt\nHello!\n")
    assert request == {
        "custom_id": "row-1",
        "method": "POST",
        "url": "/v1/chat/completions",
        "body": {"messages": HELLO},
    }


@pytest.mark.parametrize(
    ("columns", "row", "body"),
    [
        ("prompt,system", "Hello!,Be brief.",
         {"messages": [{"role": "system", "content": "Be brief."}, *HELLO]}),
        ("prompt,model,max_tokens,temperature", "Hello!,tiny,5,0",
         {"model": "tiny", "max_tokens": 5, "temperature": 0.0, "messages": HELLO}),
        ("prompt,max_tokens,seed", "Hello!,256.0,9223372036854775807",
         {"max_tokens": 256, "seed": 9223372036854775807, "messages": HELLO}),
        ("prompt,model,stop", "Hello!,,END", {"stop": "END", "messages": HELLO}),
        ("prompt,stop", 'Hello!,"[""a"",""b""]"', {"stop": ["a", "b"], "messages": HELLO}),
        ("prompt,response_format", 'Hello!,"{""type"": ""json_object""}"',
         {"response_format": {"type": "json_object"}, "messages": HELLO}),
        ("prompt,url", "Once,/v1/completions", {"prompt": "Once"}),
        ("prompt,url", "Once,/v1/responses", {"input": "Once"}),
        ("input,dimensions", "A text,8", {"dimensions": 8, "input": "A text"}),
        ("input", '"[""a"", ""b""]"', {"input": ["a", "b"]}),
        ("messages", '"[{""role"": ""user"", ""content"": ""Hello!""}]"', {"messages": HELLO}),
        ("body,model", '"{""model"": ""own"", ""n"": 2}",other', {"model": "own", "n": 2}),
    ],
    ids=["system", "fields", "whole numbers", "empty cells", "stops", "schema", "completion",
         "responses", "embedding", "embeddings", "messages", "a body goes first"],
)  # fmt: skip
def test_columns_make_the_body(
    tmp_path: Path, columns: str, row: str, body: dict[str, Any]
) -> None:
    (request,) = csv_requests(tmp_path, f"{columns}\n{row}\n")
    assert request["body"] == body


@pytest.mark.parametrize(
    ("columns", "body"),
    [
        ({"messages": [HELLO]}, {"messages": HELLO}),
        ({"messages": [[{**HELLO[0], "name": None}]]}, {"messages": HELLO}),
        ({"messages": [json.dumps(HELLO)]}, {"messages": HELLO}),
        ({"body": [{"messages": HELLO, "n": None}]}, {"messages": HELLO}),
        ({"prompt": ["Hello!"], "temperature": [float("nan")]}, {"messages": HELLO}),
        ({"prompt": ["Hello!"], "max_tokens": [5.0]}, {"max_tokens": 5, "messages": HELLO}),
        ({"input": [["a", "b"]]}, {"input": ["a", "b"]}),
    ],
    ids=["lists", "nulls of structs", "JSON", "structs", "not a number", "floats", "inputs"],
)  # fmt: skip
def test_parquet_columns_have_values(
    tmp_path: Path, columns: dict[str, list[Any]], body: dict[str, Any]
) -> None:
    (request,) = parquet_requests(tmp_path, columns)
    assert request["body"] == body


def test_names_of_rows_are_texts(tmp_path: Path) -> None:
    requests = parquet_requests(tmp_path, {"prompt": ["a", "b"], "custom_id": [7, 8]})
    assert [request["custom_id"] for request in requests] == ["7", "8"]


def test_rows_are_read_again_from_the_beginning(tmp_path: Path) -> None:
    path = tmp_path / "in.csv"
    path.write_text("prompt\n" + "Hello!\n" * 2500)
    source = TableSource(CsvTable(path))
    first = list(source.read())
    assert first == list(source.read())
    assert [number for number, _ in first] == list(range(1, 2501))


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", ": is empty; its first line must name the columns"),
        ("prompt,prompt\na,b\n", ": has two columns 'prompt'; name each column once"),
        ("prompt,\na,b\n", ": has a column without a name; name each column once"),
        ("text\nHello!\n", (": has the columns 'text'; one must be 'prompt', 'messages', 'input' "
         "or 'body', which says what is asked")),
        ("id;prompt\n1;Hello!\n", (": has the columns 'id;prompt'; one must be 'prompt', "
         "'messages', 'input' or 'body', which says what is asked; its cells must be "
         "parted by commas")),
        ("prompt,body\na,b\n", (": has 'prompt' and 'body', and one of them must say what is "
         "asked; give the other another name")),
        ("input,system\na,b\n", (": has 'system' beside 'input'; a system message stands before "
         "'prompt' or 'messages': give the column another name")),
        ("prompt,note\na\n", (": line 2 has 1 cells where the first line names 2 columns; put "
         "cells that hold commas or quotes into quotes")),
        ('prompt\n"a\n', ": line 2 is no CSV: unexpected end of data"),
        (b"prompt\n\xff\n", ": is not UTF-8 text behind line 0: invalid start byte; convert it"),
        ("prompt,note\n,x\n", ", row 1: has no 'prompt'; fill the cell or drop the row"),
        ("prompt,temperature\na,hot\n",
         ", row 1: has 'hot' in the column 'temperature', which takes a number"),
        ("prompt,max_tokens\na,1\na,1.5\n",
         ", row 2: has '1.5' in the column 'max_tokens', which takes a whole number"),
        ("prompt,temperature\na,nan\n",
         ", row 1: has 'nan' in the column 'temperature', which takes a number"),
        ("prompt,tools\na,[\n", ", row 1: has '[' in the column 'tools', which takes JSON"),
        ("messages\nHello!\n", (", row 1: has in the column 'messages', which takes a list of "
         "messages, or JSON of one; a text goes into 'prompt'")),
        ("body\n[1]\n", (", row 1: has in the column 'body', which takes a JSON object, or a "
         "struct; a text goes into 'prompt'")),
    ],
    ids=["no header", "doubled", "nameless", "nothing asked", "semicolons", "two contents",
         "system of an embedding", "a short row", "open quotes", "no UTF-8", "an empty prompt",
         "no number", "no whole number", "not a number", "no JSON", "no messages", "no body"],
)  # fmt: skip
def test_a_table_that_is_no_job_says_why(tmp_path: Path, text: str | bytes, says: str) -> None:
    assert problem(tmp_path, text) == says


def test_a_prompt_is_in_no_error(tmp_path: Path) -> None:
    assert "secret" not in problem(tmp_path, "messages\nsecret\n")


def test_a_file_that_is_no_parquet_says_so(tmp_path: Path) -> None:
    (tmp_path / "in.parquet").write_text("prompt\nHello!\n")
    with pytest.raises(BatchInputError, match="is no Parquet file"):
        ParquetTable(tmp_path / "in.parquet")


@pytest.mark.parametrize("kind", [CsvTable, ParquetTable])
def test_a_file_that_is_not_there_says_so(tmp_path: Path, kind: Any) -> None:
    with pytest.raises(BatchInputError, match=r"in\.any: cannot be read: No such file"):
        kind(tmp_path / "in.any")
