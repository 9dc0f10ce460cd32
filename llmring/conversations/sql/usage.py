"""The usage log of one owner in a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from sqlalchemy import ColumnElement, Select, func, select
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from llmring.conversations.checks import check_group, check_page
from llmring.conversations.sql.database import SQLDatabase
from llmring.conversations.sql.rows import USAGE_COLUMNS, usage_of
from llmring.conversations.sql.tables import usage
from llmring.conversations.types import Group, UsageFilter, UsageRecord, UsageTotals


class SQLUsage:
    """A `UsageStore` in a database.

    :param owner: whose it is; nothing of others can be seen or changed.
    """

    def __init__(self, database: SQLDatabase, owner: str) -> None:
        self.database = database
        self.owner = owner

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.database!r}, owner={self.owner!r})"

    async def add_usage(self, records: Sequence[UsageRecord]) -> None:
        """Add records: all of them, or none. One whose id is there already is left out."""
        rows = [{**dict(record), "owner": self.owner} for record in records]
        made = (sqlite if self.database.is_sqlite else postgresql).insert(usage)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(made.on_conflict_do_nothing(), rows)

        if rows:
            await self.database.write(work)

    async def usage(
        self, which: UsageFilter | None = None, limit: int = 100, offset: int = 0
    ) -> list[UsageRecord]:
        """Records, the newest first.

        :param limit: 1 to `MAX_PAGE`.
        """
        check_page(limit, offset)
        query = self._where(select(*USAGE_COLUMNS), which)
        query = query.order_by(usage.c.timestamp.desc(), usage.c.id).limit(limit).offset(offset)

        async def work(connection: AsyncConnection) -> list[UsageRecord]:
            return [usage_of(row) for row in await connection.execute(query)]

        return await self.database.read(work)

    async def usage_totals(self, which: UsageFilter | None = None) -> UsageTotals:
        """All calls together."""
        query = self._where(select(*_sums()), which)

        async def work(connection: AsyncConnection) -> UsageTotals:
            return UsageTotals.model_validate(
                dict((await connection.execute(query)).one()._mapping)
            )

        return await self.database.read(work)

    async def usage_by(self, group: Group, which: UsageFilter | None = None) -> list[UsageTotals]:
        """Calls by what they share: days in order, anything else by cost, then tokens."""
        key = self._key(group).label("key")
        query = self._where(select(key, *_sums()), which).group_by(key)

        async def work(connection: AsyncConnection) -> list[UsageTotals]:
            rows = await connection.execute(query)
            return [UsageTotals.model_validate(dict(row._mapping)) for row in rows]

        found = await self.database.read(work)
        if group == "day":
            return sorted(found, key=lambda totals: totals.key or "")
        return sorted(found, key=_rank)

    def _where(self, query: Select[Any], which: UsageFilter | None) -> Select[Any]:
        query = query.where(usage.c.owner == self.owner)
        for name, value in dict(which or {}).items():
            if value is None:
                continue
            if name == "since":
                query = query.where(usage.c.timestamp >= value)
            elif name == "until":
                query = query.where(usage.c.timestamp < value)
            else:
                query = query.where(usage.c[name] == value)
        return query

    def _key(self, group: Group) -> ColumnElement[Any]:
        check_group(group)
        if group == "model":
            return usage.c.provider + ":" + usage.c.model
        if group != "day":
            return usage.c[group]
        if self.database.is_sqlite:
            return func.substr(usage.c.timestamp, 1, 10)
        return func.to_char(func.timezone("UTC", usage.c.timestamp), "YYYY-MM-DD")


def _sums() -> list[ColumnElement[Any]]:
    names = ("input_tokens", "output_tokens", "cached_input_tokens", "cost")
    return [
        func.count().label("calls"),
        # PostgreSQL adds whole numbers up to a NUMERIC, which comes as a Decimal.
        *(func.coalesce(func.sum(usage.c[name]), 0).label(name) for name in names),
        (func.count() - func.count(usage.c.cost)).label("unpriced"),
    ]


def _rank(totals: UsageTotals) -> tuple[float, int, str]:
    return -totals.cost, -(totals.input_tokens + totals.output_tokens), totals.key or ""
