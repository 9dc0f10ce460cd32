"""A server for all tests, on SQLite and on PostgreSQL; each test has tenants of its own."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator

import pytest

from llmring.server.run import RingServer
from tests.llmring.server.servers import ADMIN_KEY, Client, running

_numbers = itertools.count()


@pytest.fixture(
    scope="session", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)]
)
def ring_server(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RingServer]:
    """A server that has an admin's key."""
    if request.param == "sqlite":
        url = str(tmp_path_factory.mktemp("server") / "server.sqlite")
    else:
        url = request.getfixturevalue("postgres").new_database()
    with running(database=url, admin_key=ADMIN_KEY, has_metrics=True) as server:
        yield server


@pytest.fixture
def admin(ring_server: RingServer) -> Client:
    """Who makes keys."""
    return Client(ring_server.url, ADMIN_KEY)


@pytest.fixture
def client_of(admin: Client) -> Callable[[str], Client]:
    """The client of a tenant whom other tests do not know: `client_of("eve")`."""
    number = next(_numbers)

    def make(tenant: str) -> Client:
        made = admin.post("/keys", {"tenant": f"{tenant}{number}", "name": tenant})
        return Client(admin.url, made["key"])

    return make


@pytest.fixture
def ada(client_of: Callable[[str], Client]) -> Client:
    """A tenant."""
    return client_of("ada")


@pytest.fixture
def eve(client_of: Callable[[str], Client]) -> Client:
    """Another."""
    return client_of("eve")
