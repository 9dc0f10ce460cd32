"""SQLite's files: which are taken, which are left as they were, and what is told of them."""

from __future__ import annotations

import asyncio
import sqlite3
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from llmring.conversations import open_store
from llmring.exceptions import StoreError
from tests.llmring.conversations.stores import at, said, user

pytestmark = pytest.mark.slow

SECRET, PROMPT = "s3cret-zebra", "the lion"


def _other_program(path: Path) -> None:
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE llmring_messages (a)")
    other.close()


def _damage(path: Path) -> None:
    store = at(path)
    store.begin(user("Hi"))
    store.close()
    body = bytearray(path.read_bytes())
    body[4096:] = b"\x77" * (len(body) - 4096)
    path.write_bytes(body)


BROKEN: dict[str, tuple[Callable[[Path], Any], str]] = {
    "another program's": (_other_program, "another program's database"),
    "no database": (lambda path: path.write_bytes(b"zebra" * 1000), "no database"),
    "a folder": (lambda path: path.mkdir(), "."),
    "damaged": (_damage, "damaged|error|malformed"),
}


@pytest.mark.parametrize(("spoil", "problem"), BROKEN.values(), ids=BROKEN)
def test_a_file_that_cannot_be_used_is_left_as_it_was(
    tmp_path: Path, spoil: Callable[[Path], Any], problem: str
) -> None:
    path = tmp_path / "kept.sqlite"
    spoil(path)
    before = path.read_bytes() if path.is_file() else b""
    store = at(path)
    with pytest.raises(StoreError, match=problem) as caught:
        store.begin(user(SECRET), title=SECRET)
    assert str(path) in str(caught.value)
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    store.close()
    assert (path.read_bytes() if path.is_file() else b"") == before


@pytest.mark.parametrize("name", ["why?.sqlite", "50%41.sqlite", "a#b@c:d.sqlite", "ä ö"])
def test_a_file_may_have_any_name(name: str, tmp_path: Path) -> None:
    store = at(tmp_path / name)
    store.begin(user("Hi"))
    store.close()
    sqlite3.connect((tmp_path / name).absolute().as_uri() + "?mode=ro", uri=True).close()
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_a_file_in_memory_is_one_for_a_store() -> None:
    store = at("sqlite://")
    made = store.begin(user("Hi"))
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: store.append(made.id, [user(str(n))]), range(8)))
    assert store.get_conversation(made.id).message_count == 9
    store.close()


def test_a_locked_file_is_waited_for_and_then_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("llmring.conversations.sql.engines.BUSY_S", 0.05)
    path = tmp_path / "kept.sqlite"
    store = at(path)
    made = store.begin()
    with sqlite3.connect(path, isolation_level=None) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreError, match="another process keeps it locked"):
            store.append(made.id, [user("Hi")])
        assert store.messages(made.id) == []  # who reads does not wait
        other.execute("ROLLBACK")
    other.close()
    store.append(made.id, [user("Hi")])
    store.close()


def test_a_full_disk_is_told_and_keeps_what_was_there(tmp_path: Path) -> None:
    store = at(tmp_path / "kept.sqlite")
    made = store.begin(user("Hi"))

    async def fill(connection: Any) -> None:
        # There is one connection, and it may take no more pages than it has.
        await connection.exec_driver_sql("PRAGMA max_page_count = 1")

    asyncio.run(store.store.database.read(fill))
    with pytest.raises(StoreError, match="the disk is full; make room") as caught:
        store.append(made.id, [user(SECRET * 10_000)])
    assert caught.value.code == "SQLITE_FULL"
    assert SECRET not in "".join(traceback.format_exception(caught.value))
    assert said(store.messages(made.id)) == ["Hi"]
    store.close()


def test_what_is_kept_is_on_the_disk_and_well_guarded(tmp_path: Path) -> None:
    store = at(tmp_path / "kept.sqlite")

    async def work(connection: Any) -> dict[str, Any]:
        names = ("journal_mode", "synchronous", "foreign_keys", "secure_delete", "busy_timeout")
        return {
            name: (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar() for name in names
        }

    settings = asyncio.run(store.store.database.read(work))
    store.close()
    assert settings == {
        "journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "secure_delete": 1,
        "busy_timeout": 10_000,
    }  # fmt: skip


def test_nothing_is_opened_before_it_is_used(tmp_path: Path) -> None:
    store = at(tmp_path / "new" / "kept.sqlite")
    assert not (tmp_path / "new").exists()
    store.close()


def test_a_folder_that_cannot_be_made_is_told_by_its_path(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    path = tmp_path / "file" / "kept.sqlite"
    with pytest.raises(StoreError) as caught:
        asyncio.run(open_store(path).list_conversations())
    assert caught.value.message.startswith(f"cannot use the database at {path}: ")
    assert caught.value.message.endswith("; check the path and its permissions")
