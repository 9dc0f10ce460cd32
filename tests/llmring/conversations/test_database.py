"""Databases that cannot be used, that others use, and that change."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import Connection, text

from llmring.conversations import ConversationFields, open_database, open_store
from llmring.conversations.sql import upgrade
from llmring.conversations.sql.tables import metadata
from llmring.exceptions import ConfigurationError, ConversationNotFoundError, StoreError
from tests.llmring.conversations.stores import BlockingStore, at, said, user
from tests.llmring.postgres import PostgresServer

pytestmark = pytest.mark.slow

SECRET, PROMPT = "s3cret-zebra", "the lion"


def run_sql(database_url: str, *statements: str) -> list[Any]:
    """What the last statement gives, past the store."""
    database = open_database(database_url)

    async def work(connection: Any) -> list[Any]:
        for statement in statements:
            result = await connection.execute(text(statement))
        return list(result) if result.returns_rows else []

    async def main() -> list[Any]:
        try:
            return await database.write(work)
        finally:
            await database.close()

    return asyncio.run(main())


def test_the_steps_make_the_tables(open_new: Callable[[], BlockingStore]) -> None:
    def differences(connection: Connection) -> list[Any]:
        context = MigrationContext.configure(
            connection, opts={"version_table": upgrade.VERSION_TABLE}
        )
        assert context.get_current_revision() == upgrade.HEAD
        return list(compare_metadata(context, metadata))

    database = open_new().store.database
    assert asyncio.run(database.write(lambda c: c.run_sync(differences))) == []


def test_a_database_of_an_older_version_is_brought_up_to_date(
    open_new: Callable[[], BlockingStore], monkeypatch: pytest.MonkeyPatch
) -> None:
    head = upgrade.HEAD
    monkeypatch.setattr(upgrade, "HEAD", "0001")
    store = open_new()
    made = store.begin(user("kept"))
    monkeypatch.setattr(upgrade, "HEAD", head)
    newer = open_new()
    assert said(newer.messages(made.id)) == ["kept"]

    async def work(connection: Any) -> Any:
        found = await connection.execute(text("SELECT version_num FROM llmring_version"))
        await connection.execute(text("SELECT * FROM llmring_api_keys"))
        return found.scalar()

    assert asyncio.run(newer.database.read(work)) == head


def test_the_steps_can_be_taken_back(open_new: Callable[[], BlockingStore]) -> None:
    from alembic import command
    from alembic.config import Config

    def down(connection: Connection) -> list[str]:
        config = Config()
        config.set_main_option("script_location", upgrade._FOLDER)
        config.attributes.update(connection=connection, version_table=upgrade.VERSION_TABLE)
        command.downgrade(config, "base")
        return [name for name in metadata.tables if connection.dialect.has_table(connection, name)]

    database = open_new().store.database
    assert asyncio.run(database.write(lambda c: c.run_sync(down))) == []
    open_new().begin(user("Hi"))


def test_opened_at_once_it_is_made_once(open_new: Callable[[], BlockingStore]) -> None:
    stores = [open_new() for _ in range(6)]
    with ThreadPoolExecutor(6) as threads:
        list(threads.map(lambda store: store.begin(user("Hi")), stores))
    assert len(stores[0].list_conversations()) == 6


def test_what_was_kept_is_there_when_opened_again(open_new: Callable[[], BlockingStore]) -> None:
    first = open_new()
    made = first.begin(user("Hi"))
    first.close()
    assert said(open_new().messages(made.id)) == ["Hi"]


def test_writers_of_one_conversation_wait_for_each_other(
    open_new: Callable[[], BlockingStore],
) -> None:
    stores = [open_new(), open_new()]
    made = stores[0].begin()
    with ThreadPoolExecutor(8) as threads:
        list(threads.map(lambda n: stores[n % 2].append(made.id, [user(str(n))]), range(40)))
    found = stores[0].messages(made.id)
    assert [message.position for message in found] == list(range(1, 41))
    assert sorted(said(found), key=int) == [str(n) for n in range(40)]


def test_a_newer_database_is_left_alone(
    database_url: str, open_new: Callable[[], BlockingStore]
) -> None:
    open_new().begin(user("Hi"))
    run_sql(database_url, f"UPDATE {upgrade.VERSION_TABLE} SET version_num = '9999'")
    with pytest.raises(StoreError, match="a newer llm-kit wrote it"):
        open_new().list_conversations()


def test_a_closed_store_says_so(open_new: Callable[[], BlockingStore]) -> None:
    store = open_new()
    store.begin()
    store.close()
    store.close()
    with pytest.raises(StoreError, match="was closed"):
        store.list_conversations()


def test_a_store_that_is_dropped_closes_itself(database_url: str) -> None:
    for _ in range(3):
        store = at(database_url)
        store.begin(user("Hi"))
        ring: list[Any] = [store]
        ring.append(ring)  # found by the collector alone
        del store, ring
    gc.collect()
    # What was dropped is closed by the loop before it does what comes after.
    store = at(database_url)
    assert len(store.list_conversations()) == 3
    store.close()
    gc.collect()


def test_a_store_serves_many_loops_and_threads(open_new: Callable[[], BlockingStore]) -> None:
    store = open_new()
    with ThreadPoolExecutor(4) as threads:
        list(threads.map(lambda n: store.begin(user(str(n))), range(12)))
    assert len(store.list_conversations()) == 12


def test_a_cancelled_write_is_a_whole_or_nothing(open_new: Callable[[], BlockingStore]) -> None:
    store = open_new()
    made = store.begin()

    async def cancel_after(seconds: float) -> None:
        many = [user("a" * 10_000) for _ in range(50)]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(store.store.append(made.id, many), seconds)

    for n in range(8):
        asyncio.run(cancel_after(n / 1000))
    store.close()  # waits for what was begun
    again = open_new()
    found = again.get_conversation(made.id)
    assert found.message_count % 50 == 0
    assert len(again.messages(made.id)) == found.message_count
    again.append(made.id, [user("still there")])


def _fork_and_count(store: BlockingStore) -> int:
    """How many conversations a forked child sees; it adds one."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            store.begin(user("child"))
            os.write(writer, str(len(store.list_conversations())).encode())
        finally:
            os._exit(0)
    os.close(writer)
    with open(reader, "rb") as pipe:
        counted = pipe.read()
    os.waitpid(pid, 0)
    return int(counted or -1)


@pytest.mark.filterwarnings("ignore:.*fork.*:DeprecationWarning")
def test_a_forked_child_opens_it_for_itself(open_new: Callable[[], BlockingStore]) -> None:
    store = open_new()
    store.begin(user("parent"))
    assert _fork_and_count(store) == 2
    store.begin(user("parent"))
    assert len(store.list_conversations()) == 3


# PostgreSQL


def test_a_commit_is_never_told_before_it_is_kept(postgres: PostgresServer) -> None:
    url = postgres.new_database()
    name = url.partition("@/")[2].partition("?")[0]
    run_sql(url, f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert [tuple(row) for row in run_sql(url, "SHOW synchronous_commit")] == [("on",)]


UNREACHABLE = {
    "no server": "postgresql://ada:{}@127.0.0.1:1/x",
    "no socket": "postgresql://ada:{}@/x?host=/nowhere",
    "no such database": "postgresql://tester:{}@/nothing?host=FOLDER",
    "no such user": "postgresql://eve:{}@/postgres?host=FOLDER",
}


@pytest.mark.parametrize("url", UNREACHABLE.values(), ids=UNREACHABLE)
def test_an_unreachable_server_is_told_without_the_password(
    postgres: PostgresServer, url: str
) -> None:
    store = at(url.format(SECRET).replace("FOLDER", str(postgres.folder)))
    with pytest.raises(StoreError, match="cannot use the database at") as caught:
        store.begin(user(PROMPT), title=PROMPT)
    shown = "".join(traceback.format_exception(caught.value))
    shown += f"{store.store!r}{caught.value!r}{vars(caught.value)}"
    assert SECRET not in shown
    assert PROMPT not in shown
    store.close()


def test_a_server_that_was_killed_is_found_again(postgres: PostgresServer) -> None:
    store = at(postgres.new_database())
    made = store.begin(user("before"))
    postgres.kill()
    with pytest.raises(StoreError):
        store.append(made.id, [user("meanwhile")])
    postgres.restart()
    store.append(made.id, [user("after")])
    assert said(store.messages(made.id)) == ["before", "after"]
    store.close()


# Addresses


@pytest.mark.parametrize("address", ["mysql://ada:s3cret-zebra@host/x", "sqlite://host/kept"])
def test_an_impossible_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigurationError, match="a database cannot be at") as caught:
        open_store(address)
    assert SECRET not in str(caught.value)


@pytest.mark.parametrize("place", [7, b"kept", "\ud800", []], ids=["int", "bytes", "lone", "list"])
def test_what_is_no_address_is_refused(place: Any) -> None:
    with pytest.raises(ConfigurationError, match="give the path of a file"):
        open_store(place)


def test_a_missing_package_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ConfigurationError, match=r"psycopg.*pip install '\.\[postgres\]'"):
        open_database("postgresql://x/y")
    monkeypatch.setitem(sys.modules, "llmring.conversations.sql.database", None)
    monkeypatch.setitem(sys.modules, "sqlalchemy", None)
    with pytest.raises(ConfigurationError, match=r"pip install '\.\[ring\]'"):
        open_database("kept.sqlite")


def test_a_query_is_never_made_of_text(open_new: Callable[[], BlockingStore]) -> None:
    store = open_new()
    store.begin(user("Hi"), title="'; DROP TABLE llmring_messages; --")
    with pytest.raises(ConversationNotFoundError):
        store.get_conversation("x'; DROP TABLE llmring_messages; --")
    assert len(store.search("DROP TABLE")) == 1
    assert store.create_conversation(ConversationFields()).message_count == 0
