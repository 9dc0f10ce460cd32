"""A server, and pools as they were before."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from LLM import transport
from LLM.pool_limits import PoolLimits, set_pool_limits
from tests.cloud.pools.calls import GOOD
from tests.remote.scripted_server import ScriptedServer


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer((GOOD,)) as one:
        yield one


@pytest.fixture(autouse=True)
def usual_limits() -> Iterator[None]:
    yield
    set_pool_limits(PoolLimits())
    transport.close_shared_pools()
