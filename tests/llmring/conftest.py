"""Rings over pools of scripted servers, whose sleeps between rounds are recorded."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests import worlds
from tests.llmring.pools import Pool, pool_of
from tests.llmring.postgres import PostgresServer, programs
from tests.remote.scripted_server import Script


@pytest.fixture
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds of each sleep, none of which is real."""
    return worlds.record_sleeps(monkeypatch)


@pytest.fixture
def pool(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Pool]]:
    """Make a pool: `pool(script, …, rounds=3)`, with a script for each model."""
    with ExitStack() as stack:

        def make(*scripts: Script, rounds: int = 3, **settings: Any) -> Pool:
            monkeypatch.setenv("LLMRING_RETRY_ATTEMPTS", str(rounds))
            return stack.enter_context(pool_of(tmp_path, *scripts, **settings))

        yield make


@pytest.fixture(params=[False, True], ids=["whole", "streamed"])
def streamed(request: pytest.FixtureRequest) -> bool:
    """Whether an answer is asked for in chunks."""
    return request.param


@pytest.fixture(scope="session")
def postgres() -> Iterator[PostgresServer]:
    """A PostgreSQL, started for the tests."""
    found = programs()
    if found is None:
        missing = "PostgreSQL is not installed; on Debian: apt-get install postgresql"
        if os.environ.get("CI"):
            pytest.fail(missing)
        pytest.skip(missing)
    with PostgresServer(found) as server:
        yield server


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """The address of a new database, of each kind."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'conversations.sqlite'}"
    return request.getfixturevalue("postgres").new_database()
