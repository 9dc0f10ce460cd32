"""What MCP servers offer, as a tenant has told it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from uuid import UUID, uuid4

from sqlalchemy import and_, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from llmring.conversations.checks import check_page
from llmring.conversations.sql.database import SQLDatabase
from llmring.conversations.sql.tables import mcp_items, mcp_servers

_COLUMNS = [column for column in mcp_items.c if column.name not in ("owner", "position")]


class SQLMCPItems:
    """Tools, resources and prompts of one owner's MCP servers, as dicts of the table's columns.

    Every method raises `StoreError` where the database cannot be used.
    """

    def __init__(self, database: SQLDatabase, owner: str) -> None:
        self.database = database
        self.owner = owner

    async def replace(self, server_id: UUID, items: Sequence[dict[str, Any]]) -> bool:
        """Keep these as all that a server offers. :return: whether the owner has the server.

        :param items: each with ``kind``, ``name``, ``description`` and ``definition``.
        """
        whose = {"owner": self.owner, "server_id": server_id}
        rows = [{**item, **whose, "id": uuid4(), "position": n} for n, item in enumerate(items)]
        server = and_(mcp_servers.c.owner == self.owner, mcp_servers.c.id == server_id)
        old = and_(mcp_items.c.owner == self.owner, mcp_items.c.server_id == server_id)

        async def work(connection: AsyncConnection) -> bool:
            # Others that replace them wait here.
            query = select(mcp_servers.c.id).where(server).with_for_update()
            if (await connection.execute(query)).first() is None:
                return False
            await connection.execute(delete(mcp_items).where(old))
            if rows:
                await connection.execute(insert(mcp_items), rows)
            return True

        return await self.database.write(work)

    async def page(
        self, limit: int, offset: int = 0, is_active: bool | None = None, **equal: Any
    ) -> list[dict[str, Any]]:
        """Some of them, in the order in which their servers told them.

        :param limit: 1 to `MAX_PAGE`.
        :param is_active: of servers that are, or are not; None for all.
        :param equal: columns and the values that they must have.
        """
        check_page(limit, offset)
        query = select(*_COLUMNS).where(mcp_items.c.owner == self.owner)
        if is_active is not None:
            mine = mcp_servers.c.owner == self.owner
            active = select(mcp_servers.c.id).where(mine, mcp_servers.c.is_active == is_active)
            query = query.where(mcp_items.c.server_id.in_(active))
        query = query.where(*(mcp_items.c[name] == value for name, value in equal.items()))
        query = query.order_by(mcp_items.c.server_id, mcp_items.c.kind, mcp_items.c.position)

        async def work(connection: AsyncConnection) -> list[dict[str, Any]]:
            rows = await connection.execute(query.limit(limit).offset(offset))
            return [dict(row._mapping) for row in rows]

        return await self.database.read(work)
