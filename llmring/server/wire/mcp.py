"""MCP servers that a tenant knows, and what they offer."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal
from uuid import UUID

from pydantic import AfterValidator, Field

from llmring.conversations.types import Moment, Name
from llmring.server.wire.base import Wire

#: Most tools, resources and prompts, each, of an MCP server.
MAX_ITEMS = 1000
#: The kinds of what MCP servers offer; each has its routes, in the plural.
ItemKind = Literal["tool", "resource", "prompt"]
_URL = re.compile(r"(?:https?|wss?|stdio)://.+")


def _url(text: str) -> str:
    if not _URL.fullmatch(text) or not text.isprintable():
        raise ValueError("give https://…, http://…, ws://…, wss://… or stdio://…")
    authority = text.partition("://")[2].partition("/")[0]
    if "@" in authority and not text.startswith("stdio:"):
        raise ValueError("an address here has no user and no password; clients add their own")
    return text


class MCPServerFields(Wire):
    """An MCP server that a tenant knows.

    It is a note: the llmring server connects to none and starts none, and no client should on this
    word alone.

    :param name: for lists; not unique.
    :param url: as the client writes it: ``https://…``, ``stdio://command arguments``; without a
        password.
    :param auth_config: None; credentials stay with who uses them.
    :param capabilities: as the MCP server tells them.
    :param project_id: None; a key has one tenant, and no projects.
    """

    name: Name
    url: Annotated[Name, AfterValidator(_url)]
    transport_type: Literal["http", "streamable_http", "sse", "websocket", "stdio"] = "http"
    auth_config: None = Field(default=None, exclude=True)
    capabilities: dict[str, Any] | None = None
    is_active: bool = True
    project_id: None = Field(default=None, exclude=True)


class MCPServer(MCPServerFields):
    """An MCP server that is kept."""

    id: UUID
    created_at: Moment
    updated_at: Moment


class MCPOffer(Wire):
    """What an MCP server offers; it replaces what was kept before.

    :param tools: as MCP's ``tools/list`` has them, each with a ``name``; so are `prompts`, and
        `resources`, each of which may have a ``uri`` instead.
    """

    tools: list[dict[str, Any]] = Field(default=[], max_length=MAX_ITEMS)
    resources: list[dict[str, Any]] = Field(default=[], max_length=MAX_ITEMS)
    prompts: list[dict[str, Any]] = Field(default=[], max_length=MAX_ITEMS)


class MCPOfferAnswer(Wire):
    """How much of each is kept now."""

    tools: int
    resources: int
    prompts: int


class MCPItem(Wire):
    """A tool, a resource or a prompt of an MCP server.

    :param name: its name, or a resource's ``uri``.
    :param definition: all that the MCP server says of it.
    """

    id: UUID
    server_id: UUID
    kind: ItemKind
    name: Name
    description: str | None = None
    definition: dict[str, Any]
