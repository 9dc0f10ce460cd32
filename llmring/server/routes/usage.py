"""The usage log."""

from __future__ import annotations

from llmring.conversations.checks import GROUPS
from llmring.conversations.types import Group, UsageRecord, UsageTotals
from llmring.server.endpoint import Call, Routes
from llmring.server.errors import refused
from llmring.server.queries import Filter, Logs, Usage
from llmring.server.wire import LogAnswer, LogBatch, LogBatchAnswer, LogBody, LogRow, Stats


def add_routes(routes: Routes) -> None:
    """Add the routes of the usage log."""
    routes.add("POST", "/log", _log, body=LogBody)
    routes.add("POST", "/log/batch", _log_batch, body=LogBatch)
    routes.add("GET", "/stats", _stats)
    routes.add("GET", "/stats/{group}", _stats_by)
    routes.add("GET", "/logs", _logs)
    routes.add("GET", "/usage", _usage)


async def _log(call: Call, body: UsageRecord) -> LogAnswer:
    record = call.service.priced(body)
    await call.service.note(call.tenant, [record])
    return _noted(record)


async def _log_batch(call: Call, body: LogBatch) -> LogBatchAnswer:
    records = [call.service.priced(record) for record in body.records]
    await call.service.note(call.tenant, records)
    return LogBatchAnswer(logs=[_noted(record) for record in records])


def _noted(record: UsageRecord) -> LogAnswer:
    return LogAnswer(log_id=record.id, cost=record.cost, timestamp=record.timestamp)


async def _stats(call: Call) -> Stats:
    which, store = call.query(Filter).which(), call.tenant.store
    return Stats(
        summary=await store.usage_totals(which),
        by_day=await store.usage_by("day", which),
        by_model=await store.usage_by("model", which),
        by_origin=await store.usage_by("origin", which),
        by_alias=await store.usage_by("alias", which),
    )


async def _stats_by(call: Call) -> list[UsageTotals]:
    group: Group = call.request.path_params["group"]
    if group not in GROUPS:
        raise refused(404, f"no stats by that; there are {', '.join(GROUPS)}", "not_found")
    return await call.tenant.store.usage_by(group, call.query(Filter).which())


async def _logs(call: Call) -> list[LogRow]:
    query = call.query(Logs)
    found = await call.tenant.store.usage(query.which(), query.limit, query.offset)
    return [LogRow(**dict(one), logged_at=one.timestamp) for one in found]


async def _usage(call: Call) -> list[UsageRecord]:
    query = call.query(Usage)
    return await call.tenant.store.usage(query.which(), query.limit, query.offset)
