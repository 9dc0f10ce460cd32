"""The usage log over HTTP."""

from __future__ import annotations

import json
from typing import Any
from uuid import uuid4

import pytest

from llmring.server.wire import LogAnswer, LogRow, Stats
from tests.llmring.server.servers import Client

pytestmark = pytest.mark.slow

CALL = {"model": "gpt-4o-2024-08-06", "provider": "openai", "input_tokens": 1000,
        "output_tokens": 100, "origin": "tests", "alias": "fast"}  # fmt: skip


def test_a_call_without_cost_is_priced(ada: Client) -> None:
    answer = LogAnswer.model_validate(ada.post("/log", CALL))
    assert answer.cost == pytest.approx(1000 * 2.5e-6 + 100 * 10e-6)
    (row,) = ada.get("/logs")
    assert LogRow.model_validate(row).id == answer.log_id
    assert (row["cost"], row["logged_at"]) == (answer.cost, row["timestamp"])


@pytest.mark.parametrize(
    ("fields", "cost"),
    [
        ({"cost": 0.5}, 0.5),
        ({"cost": 0.0}, 0.0),
        ({"model": "unheard-of"}, None),
        ({"metadata": {"cost_status": "no_usage"}}, None),
        ({"provider": "local"}, 0.0),
    ],
    ids=["told", "free", "unknown model", "no tokens known", "own machine"],
)
def test_a_cost_is_what_was_told_or_what_is_known(
    ada: Client, fields: dict[str, Any], cost: float | None
) -> None:
    assert ada.post("/log", {**CALL, **fields})["cost"] == cost


def test_a_call_that_is_sent_again_is_noted_once(ada: Client) -> None:
    record = {**CALL, "id": str(uuid4())}
    ada.post("/log", record)
    ada.post("/log/batch", {"records": [record, {**CALL, "id": str(uuid4())}]})
    assert ada.get("/stats")["summary"]["calls"] == 2


def test_stats_are_told_by_day_model_origin_and_alias(ada: Client) -> None:
    for day, cost in (("2026-03-01T23:59:59Z", 1.0), ("2026-03-02T00:00:00Z", 2.0)):
        ada.post("/log", {**CALL, "timestamp": day, "cost": cost})
    stats = Stats.model_validate(ada.get("/stats"))
    assert (stats.summary.calls, stats.summary.cost) == (2, 3.0)
    assert [(one.key, one.cost) for one in stats.by_day] == [("2026-03-01", 1), ("2026-03-02", 2)]
    assert stats.by_model[0].key == "openai:gpt-4o-2024-08-06"
    assert (stats.by_origin[0].key, stats.by_alias[0].key) == ("tests", "fast")
    assert ada.get("/stats/provider")[0]["key"] == "openai"


@pytest.mark.parametrize(
    "query",
    [
        {"since": "2026-03-02"},
        {"until": "2026-03-02T00:00:00"},
        {"start_date": "2026-03-02", "end_date": "", "group_by": "day"},
        {"until": "2026-03-02T01:00:00+01:00"},
    ],
    ids=["since a day", "until, in UTC", "older names", "another zone"],
)
def test_stats_are_of_the_time_that_is_asked_for(ada: Client, query: dict[str, str]) -> None:
    for day in ("2026-03-01T23:59:59Z", "2026-03-02T00:00:00Z"):
        ada.post("/log", {**CALL, "timestamp": day})
    assert ada.get("/stats", **query)["summary"]["calls"] == 1


def test_logs_come_in_pages_the_newest_first(ada: Client) -> None:
    records = [{**CALL, "timestamp": f"2026-03-0{n}T00:00:00Z"} for n in range(1, 6)]
    ada.post("/log/batch", {"records": records})
    page = ada.get("/logs", limit=2, offset=1)
    assert [row["timestamp"][:10] for row in page] == ["2026-03-04", "2026-03-03"]
    assert len(ada.get("/usage", limit=1000, alias="fast")) == 5
    assert ada.get("/usage", alias="slow") == []


def test_what_was_said_of_a_call_comes_back_as_it_was(ada: Client) -> None:
    odd = "a\x00b\ud800c' OR 1=1 --"
    ada.post("/log", {**CALL, "alias": odd, "metadata": {odd: [odd, 1.5, None]}})
    (row,) = ada.get("/usage")
    assert (row["alias"], row["metadata"]) == (odd, {odd: [odd, 1.5, None]})
    assert json.dumps(row).isascii()


@pytest.mark.parametrize(
    "text", ["'%20OR%201=1%20--", "%00", "%ff%fe", "%ed%a0%80", "\\", "%25", "_"]
)
def test_what_is_looked_for_is_no_sql(ada: Client, text: str) -> None:
    ada.post("/log", {"model": "m", "provider": "p", "alias": "a"})
    ada.post("/conversations", {"title": "secret"})
    for path in (f"/logs?alias={text}", f"/conversations/search?q={text}"):
        assert ada.get(path) == []
    assert ada.ask("GET", f"/conversations/{text}").status == 404
