"""What the llmring server of ``LLMRING_SERVER_URL`` has noted of MCP servers, for lists."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llmring.exceptions import LLMRingError

#: Servers as lists tell them, and what kept the llmring server from telling.
_Noted = tuple[list[dict[str, Any]], "LLMRingError | None"]


async def noted_servers() -> _Noted:
    """The servers."""
    if not os.environ.get("LLMRING_SERVER_URL"):
        return [], None
    from llmring.exceptions import LLMRingError
    from llmring.mcp.noted import NotedServers

    try:
        async with NotedServers(os.environ) as noted:
            return [_server(one, noted.url) for one in await noted.servers()], None
    except LLMRingError as err:
        return [], err


async def noted_offers(kind: str) -> _Noted:
    """What servers offer.

    :param kind: ``tools``, ``prompts`` or ``resources``.
    """
    if not os.environ.get("LLMRING_SERVER_URL"):
        return [], None
    from llmring.exceptions import LLMRingError
    from llmring.mcp.noted import NotedServers

    try:
        async with NotedServers(os.environ) as noted:
            offered = await noted.offered(kind)
            names = {one.id: one.name for one in await noted.servers()}
    except LLMRingError as err:
        return [], err
    told = [
        {
            "server": names.get(key, str(key)),
            kind: [_item(one) for one in items],
            "withheld": [],
            "problem": None,
            "noted_at": noted.url,
        }
        for key, items in offered.items()
    ]
    return told, None


def _server(noted: Any, url: str) -> dict[str, Any]:
    return {"name": noted.name, "url": noted.url, "disabled": not noted.is_active, "noted_at": url}


def _item(noted: Any) -> dict[str, Any]:
    return {**noted.definition, "name": noted.name, "description": noted.description}
