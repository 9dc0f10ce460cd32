"""The server itself: its health, its lists of models, and what becomes of its failures."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path
from typing import Any

import pytest

from LLM.exceptions import LLMServerError
from llmring.exceptions import StoreError
from llmring.registry import Registry
from llmring.server.gate import Gate
from llmring.server.run import RingServer
from llmring.server.wire import Health, RegistryIndex
from tests.llmring.cli.support import run
from tests.llmring.server.servers import Client, running

pytestmark = pytest.mark.slow


def test_a_ring_finds_its_lists_of_models_there(ring_server: RingServer, tmp_path: Path) -> None:
    index = RegistryIndex.model_validate(Client(ring_server.url).get("//registry"))
    assert {one.provider for one in index.providers} >= {"openai", "anthropic"}
    registry = Registry(f"{ring_server.url}/registry", cache_dir=tmp_path)
    catalog = asyncio.run(registry.refresh("openai"))
    assert len(catalog) == next(one.models for one in index.providers if one.provider == "openai")
    version = index.providers[0].version
    path = f"//registry/{index.providers[0].provider}/v"
    assert Client(ring_server.url).ask("GET", f"{path}/{version}/models.json").status == 200
    for wrong in (f"{path}/99/models.json", "//registry/nobody/models.json"):
        assert Client(ring_server.url).ask("GET", wrong).code == "not_found"


def test_a_database_that_fails_is_told_without_where_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with running(database=tmp_path / "a.sqlite") as server:
        client = Client(server.url)
        client = Client(server.url, client.post("/keys", {})["key"])
        client.get("/conversations")

        async def fail(work: Any) -> Any:
            raise StoreError(f"cannot use the database at {tmp_path}: it is gone")

        monkeypatch.setattr(server._database, "read", fail)
        answer = client.ask("GET", "/conversations")
        assert (answer.status, answer.code) == (503, "store_unavailable")
        assert answer.headers["retry-after"] == "1"
        assert str(tmp_path) not in str(answer.body)
        assert "it is gone" in caplog.text
        health = client.ask("GET", "//health")
        assert (health.status, Health.model_validate(health.body).database) == (503, "unavailable")


def test_a_failure_of_ours_tells_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    with running(database=tmp_path / "a.sqlite") as server:
        client = Client(server.url)
        client = Client(server.url, client.post("/keys", {})["key"])
        monkeypatch.setattr(server._service, "tenant", None)
        answer = client.ask("GET", "/conversations")
    assert (answer.status, answer.code) == (500, "internal_error")
    assert "NoneType" in caplog.text
    assert "NoneType" not in str(answer.body)


def test_who_finds_no_place_to_wait_is_sent_away() -> None:
    gate = Gate(n_running=1, max_waiting=1)

    async def main() -> list[Any]:
        async def stay() -> str:
            async with gate:
                await asyncio.sleep(0)
                return "done"

        return await asyncio.gather(*(stay() for _ in range(4)), return_exceptions=True)

    outcomes = asyncio.run(main())
    refused = [one for one in outcomes if isinstance(one, LLMServerError)]
    assert outcomes.count("done") + len(refused) == 4
    assert {(one.status_code, one.code, one.retry_after) for one in refused} == {(503, "busy", 1)}


def test_without_the_servers_libraries_the_line_to_install_them_is_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in list(sys.modules):
        if name.startswith("llmring.server.") and "wire" not in name:
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "starlette", None)
    monkeypatch.setitem(sys.modules, "starlette.types", None)
    result = run("server", "start", "--port", "0")
    assert result.exit_code != 0
    assert "pip install '.[ring,server]'" in result.stderr
