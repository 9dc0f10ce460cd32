"""MCP servers that a tenant knows, and what they offer. None is ever connected to."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, get_args

from pydantic import BaseModel

from llmring.conversations.types import MAX_NAME_CHARS
from llmring.server.endpoint import Call, Handler, Routes
from llmring.server.errors import not_found, refused
from llmring.server.queries import MCPItems, MCPServers
from llmring.server.routes.records import Records
from llmring.server.wire import ItemKind, MCPItem, MCPOffer, MCPOfferAnswer, MCPServerFields

_SERVER = "MCP server"


def add_routes(routes: Routes) -> None:
    """Add the routes of MCP servers."""
    path = "/mcp/servers"
    records = Records(_SERVER, lambda tenant: tenant.mcp_servers)
    records.add_routes(routes, path, MCPServerFields, _list_servers)
    routes.add("POST", f"{path}/{{id}}/refresh", _refresh, body=MCPOffer)
    for kind in get_args(ItemKind):
        routes.add("GET", f"/mcp/{kind}s", _listing(kind))
        routes.add("GET", f"/mcp/{kind}s/{{id}}", _getting(kind))


async def _list_servers(call: Call) -> Sequence[BaseModel]:
    query = call.query(MCPServers)
    wanted = {} if query.is_active is None else {"is_active": query.is_active}
    return await call.tenant.mcp_servers.page(query.limit, query.offset, **wanted)


async def _refresh(call: Call, body: MCPOffer) -> MCPOfferAnswer:
    key = call.id(_SERVER)
    items = [
        _item(kind, one, f"{kind}s.{n}")
        for kind in get_args(ItemKind)
        for n, one in enumerate(getattr(body, f"{kind}s"))
    ]
    if not await call.tenant.mcp_items.replace(key, items):
        raise not_found(_SERVER, key)
    return MCPOfferAnswer(
        tools=len(body.tools), resources=len(body.resources), prompts=len(body.prompts)
    )


def _item(kind: str, definition: dict[str, Any], where: str) -> dict[str, Any]:
    name, description = definition.get("name") or definition.get("uri"), None
    if not isinstance(name, str) or len(name) > MAX_NAME_CHARS:
        message = f"a {kind} needs a name of 1 to {MAX_NAME_CHARS:,} characters"
        raise refused(400, message, "invalid_value", f"{where}.name")
    if isinstance(definition.get("description"), str):
        description = definition["description"]
    return {"kind": kind, "name": name, "description": description, "definition": definition}


def _listing(kind: str) -> Handler:
    async def handler(call: Call) -> list[MCPItem]:
        query = call.query(MCPItems)
        wanted = {} if query.server_id is None else {"server_id": query.server_id}
        rows = await call.tenant.mcp_items.page(
            query.limit, query.offset, query.is_active, kind=kind, **wanted
        )
        return [MCPItem(**row) for row in rows]

    return handler


def _getting(kind: str) -> Handler:
    async def handler(call: Call) -> MCPItem:
        key = call.id(kind)
        rows = await call.tenant.mcp_items.page(1, kind=kind, id=key)
        if not rows:
            raise not_found(kind, key)
        return MCPItem(**rows[0])

    return handler
