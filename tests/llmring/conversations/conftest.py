"""Stores in databases."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from llmring.conversations import open_database, open_store, store_in
from llmring.conversations.sql.database import SQLDatabase
from tests.llmring.conversations.stores import BlockingStore

_numbers = itertools.count()


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def database(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[SQLDatabase]:
    """A database of each kind, for all tests: each has owners of its own."""
    if request.param == "sqlite":
        url = str(tmp_path_factory.mktemp("database") / "conversations.sqlite")
    else:
        url = request.getfixturevalue("postgres").new_database()
    database = open_database(url)
    yield database
    asyncio.run(database.close())


@pytest.fixture
def store_of(database: SQLDatabase) -> Callable[[str], BlockingStore]:
    """The store of somebody whom other tests do not know: `store_of("eve")`."""
    number = next(_numbers)
    return lambda owner: BlockingStore(store_in(database, f"{owner}{number}"))


@pytest.fixture
def store(store_of: Callable[[str], BlockingStore]) -> BlockingStore:
    """Ada's store."""
    return store_of("ada")


@pytest.fixture
def open_new(database_url: str) -> Iterator[Callable[[], BlockingStore]]:
    """Open a database that no other test has, each time anew."""
    with ExitStack() as stack:

        def make() -> BlockingStore:
            store = open_store(database_url, "ada")
            stack.callback(lambda: asyncio.run(store.close()))
            return BlockingStore(store)

        yield make
