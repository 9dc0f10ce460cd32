"""Calls that are noted in SQLite without SQLAlchemy."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from llmring.conversations import UsageRecord, open_store
from llmring.conversations.addresses import database_url
from llmring.conversations.local_usage import LocalUsage, add_rows, usage_row
from llmring.conversations.store_address import OWNER
from tests.llmring.conversations.stores import read_log

pytestmark = [pytest.mark.slow, pytest.mark.usefixtures("own_file")]

ROOT = Path(__file__).resolve().parents[3]


def test_a_file_that_stands_is_written_without_sqlalchemy(tmp_path: Path) -> None:
    ask = (
        "import sys\n"
        "from llmring import LLMRing\n"
        "ring = LLMRing()\n"
        "print(ring.chat('local:tiny', messages=[{'role': 'user', 'content': 'Hi'}],"
        " max_tokens=2).model)\n"
        "import asyncio; asyncio.run(ring.close())\n"
        "print('sqlalchemy' in sys.modules)\n"
    )
    told = [
        subprocess.run([sys.executable, "-c", ask], cwd=ROOT, capture_output=True, text=True,
                       env={**os.environ, "PYTHONPATH": str(ROOT)}).stdout
        for _ in range(2)
    ]  # fmt: skip
    assert told == ["local:tiny\nTrue\n", "local:tiny\nFalse\n"]
    assert len(read_log(tmp_path / "usage.sqlite")) == 2


@pytest.mark.parametrize(
    "record",
    [UsageRecord(model="m", provider="p"),
     UsageRecord(model="m\0\ud800\ufdd0", provider="p", cost=0.25, alias="ä", profile="x",
                 id_at_origin="7", conversation_id=UUID(int=7), input_tokens=2**42,
                 metadata={"a": ["\ud800", 1.5, None]})],
    ids=["plain", "odd"],
)  # fmt: skip
def test_both_ways_write_the_same(tmp_path: Path, record: UsageRecord) -> None:
    where, owner = tmp_path / "usage.sqlite", "eve\ud800"

    async def write(sink: Any) -> None:
        await sink.add_usage([record])
        await sink.close()

    asyncio.run(write(open_store(where, "ada")))
    asyncio.run(write(LocalUsage(database_url(where), owner)))
    asyncio.run(write(LocalUsage(database_url(where), owner)))  # it is there already
    assert read_log(where, owner) == read_log(where, "ada") == [record]
    with closing(sqlite3.connect(where)) as connection:
        rows = connection.execute("SELECT * FROM llmring_usage ORDER BY owner").fetchall()
    ours, theirs = ([*row] for row in rows)
    assert ours[1:] == theirs[1:]


@pytest.mark.parametrize("name", ["50%41.sqlite", "why?.sqlite"])
def test_a_file_of_any_name_is_found(name: str, tmp_path: Path) -> None:
    where = tmp_path / name
    read_log(where)
    assert add_rows(database_url(where), [usage_row(UsageRecord(model="m", provider="p"), OWNER)])
    assert len(read_log(where)) == 1


@pytest.mark.parametrize(
    "change",
    ["PRAGMA application_id = 7", "PRAGMA journal_mode = DELETE",
     "ALTER TABLE llmring_usage ADD COLUMN more TEXT"],
)  # fmt: skip
def test_a_file_that_is_not_as_it_should_be_is_left_to_the_store(
    tmp_path: Path, change: str
) -> None:
    where = tmp_path / "usage.sqlite"
    read_log(where)
    row = usage_row(UsageRecord(model="m", provider="p"), OWNER)
    assert add_rows(database_url(where), [row])
    with closing(sqlite3.connect(where)) as connection:
        connection.execute(change)
    assert not add_rows(database_url(where), [row])


def test_what_is_no_file_of_ours_is_left_to_the_store(tmp_path: Path) -> None:
    (tmp_path / "other").write_text("no database")
    for where in (tmp_path / "none", tmp_path, tmp_path / "other", "sqlite://", "postgresql://x/y"):
        assert not add_rows(database_url(where), [])
