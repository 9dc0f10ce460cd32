"""What ``/metrics`` tells, and whom."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from LLM.exceptions import LLMServerError
from llmring.conversations.sql.database import SQLDatabase
from llmring.conversations.types import UsageRecord
from llmring.server.gate import Gate
from llmring.server.metrics import MAX_SERIES, Usage
from tests.llmring.server.servers import ADMIN_KEY, Client, running, text_of

pytestmark = pytest.mark.slow

CALL: dict[str, Any] = {
    "model": "a-model", "provider": "openai", "input_tokens": 30, "output_tokens": 5,
    "cached_input_tokens": 10, "cost": 0.25,
}  # fmt: skip


def value(text: str, series: str) -> float:
    """The value of a series by its name and labels."""
    (found,) = re.findall(rf"^{re.escape(series)} (\S+)$", text, re.MULTILINE)
    return float(found)


def test_the_admin_is_told_of_calls_tokens_and_cost(ada: Client, admin: Client) -> None:
    origin = f"origin {uuid4()}"
    ada.post("/log", {**CALL, "origin": origin})
    ada.post("/log/batch", {"records": [{**CALL, "origin": origin}] * 2})
    ada.post("/log", {**CALL, "origin": origin, "cost": None})
    text = text_of(admin, "/metrics")
    labels = f'model="a-model",origin="{origin}",provider="openai"'
    assert value(text, f"llmring_server_usage_calls_total{{{labels}}}") == 4
    assert value(text, f"llmring_server_usage_unpriced_calls_total{{{labels}}}") == 1
    assert value(text, f"llmring_server_usage_cost_dollars_total{{{labels}}}") == 0.75
    for kind, n_tokens in (("input", 120), ("output", 20), ("cached_input", 40)):
        tokens = labels.replace("model=", f'kind="{kind}",model=')
        assert value(text, f"llmring_server_usage_tokens_total{{{tokens}}}") == n_tokens


def test_a_tenant_is_told_of_no_tenants_calls(ada: Client, eve: Client) -> None:
    ada.post("/log", {**CALL, "origin": "adas-own-program"})
    text = text_of(eve, "/metrics")
    assert "llmring_server_http_requests_total" in text
    assert "usage" not in text.replace("/usage", "")
    assert "adas-own-program" not in text


def test_without_an_admin_any_key_is_told_all(tmp_path: Path) -> None:
    with running(database=str(tmp_path / "server.sqlite"), has_metrics=True) as server:
        first = Client(server.url, Client(server.url).post("/keys", {"name": "me"})["key"])
        first.post("/log", CALL)
        assert "llmring_server_usage_calls_total" in text_of(first, "/metrics")


def test_what_was_not_written_is_not_counted(ada: Client, admin: Client) -> None:
    assert ada.ask("POST", "/log", {**CALL, "origin": "refused", "input_tokens": -1}).status == 400
    assert "refused" not in text_of(admin, "/metrics")


def test_the_queue_and_the_databases_connections_are_told(ada: Client) -> None:
    ada.get("/stats")
    text = text_of(ada, "/metrics")
    # Its own request is at the database, by the gate's count.
    assert value(text, "llmring_server_requests_running") >= 1
    assert value(text, "llmring_server_requests_waiting") >= 0
    assert value(text, "llmring_server_database_operations") >= 0
    used = value(text, 'llmring_server_database_connections{state="used"}')
    idle = value(text, 'llmring_server_database_connections{state="idle"}')
    assert 0 <= used + idle <= value(text, "llmring_server_database_connections_max")


def test_models_beyond_the_bound_share_a_series() -> None:
    usage = Usage()
    usage.noted([UsageRecord(model=f"m{n}", provider="p", cost=1) for n in range(MAX_SERIES + 50)])
    series = usage.registry.get_sample_value
    other = {"provider": "other", "model": "other", "origin": "other"}
    assert series("llmring_server_usage_calls_total", other) == 50
    assert series("llmring_server_usage_cost_dollars_total", other) == 50
    known = {"provider": "p", "model": "m0", "origin": "llmring"}
    usage.noted([UsageRecord(model="m0", provider="p")])
    assert series("llmring_server_usage_calls_total", known) == 2


def test_a_name_that_no_utf8_has_does_not_hide_the_metrics(ada: Client, admin: Client) -> None:
    name = f"{uuid4()} \ud83d\n"
    ada.post("/log", {**CALL, "origin": name})
    told = text_of(admin, "/metrics").replace("\\\\", "\\")
    assert name.encode("unicode_escape").decode() in told


def test_the_gate_counts_who_runs_and_who_waits() -> None:
    async def look() -> list[tuple[int, int]]:
        gate = Gate(n_running=1, max_waiting=1)
        seen = [(gate.n_running, gate.n_waiting)]
        await gate.__aenter__()
        waiting = asyncio.create_task(gate.__aenter__())
        await asyncio.sleep(0)
        seen.append((gate.n_running, gate.n_waiting))
        with pytest.raises(LLMServerError):
            await gate.__aenter__()
        await gate.__aexit__()
        await waiting
        seen.append((gate.n_running, gate.n_waiting))
        await gate.__aexit__()
        return [*seen, (gate.n_running, gate.n_waiting)]

    assert asyncio.run(look()) == [(0, 0), (1, 1), (1, 0), (0, 0)]


def test_a_database_tells_its_connections(tmp_path: Path) -> None:
    database = SQLDatabase(f"sqlite+aiosqlite:///{tmp_path / 'd.sqlite'}")

    async def look() -> tuple[int, int]:
        before = database.pool_now()
        await database.prepare()
        inside = []

        async def work(connection: Any) -> None:
            inside.append(database.pool_now())

        await database.read(work)
        await database.close()
        assert before.n_max >= 1
        return before.n_used, inside[0].n_used

    assert asyncio.run(look()) == (0, 1)


def test_the_admins_key_is_not_told(admin: Client) -> None:
    assert ADMIN_KEY not in text_of(admin, "/metrics")
