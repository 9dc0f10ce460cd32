"""Stores in databases."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from llmring import LLMRingExtended, LLMRingSession
from llmring.conversations import open_database, open_store, store_in
from llmring.conversations.remote.address import RemoteAddress
from llmring.conversations.remote.connection import ServerConnection
from llmring.conversations.remote.store import RemoteStore
from tests.llmring.conversations.stores import BlockingStore
from tests.llmring.conversations.talks import answer
from tests.llmring.rings import KEY
from tests.llmring.server.servers import ADMIN_KEY, Client, running
from tests.remote.scripted_server import ScriptedServer

_numbers = itertools.count()


@pytest.fixture(
    scope="session",
    params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow), "server"],
)
def opened(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Callable[[str], Any]]:
    """The store of an owner, in a database of each kind and at a server; one for all tests."""
    where = str(tmp_path_factory.mktemp("database") / "conversations.sqlite")
    if request.param == "server":
        with running(database=where, admin_key=ADMIN_KEY) as server:
            yield lambda owner: remote_store(server.url, owner)
        return
    if request.param == "postgresql":
        where = request.getfixturevalue("postgres").new_database()
    database = open_database(where)
    yield lambda owner: store_in(database, owner)
    asyncio.run(database.close())


def remote_store(url: str, owner: str) -> RemoteStore:
    """The store of an owner at a server, whose tenants have plainer names."""
    tenant = owner.encode("utf-8", "surrogatepass").hex()[-200:]
    key = Client(url, ADMIN_KEY).post("/keys", {"tenant": tenant})["key"]
    address = RemoteAddress.read({}, url, key)
    assert address is not None
    return RemoteStore(ServerConnection(address))


@pytest.fixture
def store_of(opened: Callable[[str], Any]) -> Iterator[Callable[[str], BlockingStore]]:
    """The store of somebody whom other tests do not know: `store_of("eve")`."""
    number, made = next(_numbers), []

    def make(owner: str) -> BlockingStore:
        made.append(opened(f"{owner}{number}"))
        return BlockingStore(made[-1])

    yield make
    for store in made:
        if isinstance(store, RemoteStore):
            asyncio.run(store.close())


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


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer((answer,)) as server:
        yield server


@pytest.fixture
def use(server: ScriptedServer, tmp_path: Path) -> Callable[..., Any]:
    """What a coroutine does with a session: `use(work, message_logging_level="none")`."""

    def run(work: Callable[[LLMRingSession], Awaitable[Any]], **settings: Any) -> Any:
        async def main() -> Any:
            where = settings.pop("store", tmp_path / "kept.sqlite")
            async with LLMRingExtended(store=where, **settings) as ring:
                ring.register_provider("openai", api_key=KEY, base_url=server.url)
                try:
                    return await work(ring)
                finally:
                    await close_all_cloud_clients()

        return asyncio.run(main())

    return run


@pytest.fixture
def own_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Calls are noted, in a file of the test's own."""
    monkeypatch.setenv("LLMRING_LOG_METADATA", "1")
    monkeypatch.setenv("LLMRING_DATABASE_URL", str(tmp_path / "usage.sqlite"))
