"""Both clients against scripted servers."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from cloud import close_all_cloud_clients
from cloud.llm import (
    AsyncOpenAICompatClient,
    OpenAICompatClient,
)
from tests import worlds
from tests.cloud.clients.twins import Client
from tests.remote.scripted_server import ScriptedServer


@pytest.fixture(autouse=True)
def sleeps(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    return worlds.record_sleeps(monkeypatch)


@pytest.fixture(params=[OpenAICompatClient, AsyncOpenAICompatClient], ids=["blocking", "async"])
def make(request: pytest.FixtureRequest) -> Iterator[Callable[..., Client]]:
    """Make a client: `make(server, max_retries=3)`. Without settings, it never tries again."""
    with asyncio.Runner() as runner:

        def client(server: ScriptedServer, **settings: Any) -> Client:
            settings = {"api_key": "sk-key-1234", "max_retries": 0, "timeout": 5.0, **settings}
            return Client(request.param, runner, {"base_url": server.url, **settings})

        yield client
        runner.run(close_all_cloud_clients())


@pytest.fixture
def serve() -> Iterator[Callable[..., ScriptedServer]]:
    servers: list[ScriptedServer] = []

    def start(*scripts: Any) -> ScriptedServer:
        servers.append(ScriptedServer(scripts))
        return servers[-1]

    yield start
    for server in servers:
        server.close()
