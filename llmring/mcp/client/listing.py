"""What a server lists, page by page, in shapes of ours. These run in the session's loop."""

from __future__ import annotations

import json
import logging
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from llmring.mcp.client.results import clean, cut
from llmring.mcp.client.types import Prompt, PromptArgument, Resource, ResourceTemplate

if TYPE_CHECKING:
    from mcp import Client, types

T = TypeVar("T")

#: Most entries of a list, and pages.
MAX_ENTRIES = 10_000
MAX_PAGES = 1000
#: Most bytes of a list, as JSON.
MAX_LIST_BYTES = 32 * 2**20
#: Most characters of a tool's name; a tool with a longer one is left out. MCP advises 128.
MAX_NAME_CHARS = 1024
#: Most bytes of a tool's schema of arguments, as JSON; a tool with a larger one is left out.
MAX_SCHEMA_BYTES = 2**16
#: Most bytes of a tool's description; what is more is cut.
MAX_DESCRIPTION_BYTES = 2**14

_logger = logging.getLogger("llmring.mcp")


async def tools(client: Client) -> dict[str, types.Tool]:
    """The tools by their names; none for a server without."""
    if client.server_capabilities.tools is None:
        return {}
    listed = await _pages(client.list_tools, lambda page: page.tools)
    return {tool.name: tool for tool in listed if _is_usable(tool)}


async def resources(client: Client) -> list[Resource]:
    """The resources; none for a server without."""
    if client.server_capabilities.resources is None:
        return []
    return [
        Resource(
            uri=one.uri,
            name=clean(one.name),
            description=clean(one.description or ""),
            mime_type=one.mime_type,
            size_bytes=one.size,
        )
        for one in await _pages(client.list_resources, lambda page: page.resources)
    ]


async def resource_templates(client: Client) -> list[ResourceTemplate]:
    """The templates of resources; none for a server without."""
    if client.server_capabilities.resources is None:
        return []
    from mcp.shared.exceptions import MCPError
    from mcp.types import METHOD_NOT_FOUND

    try:
        listed = await _pages(client.list_resource_templates, lambda page: page.resource_templates)
    except MCPError as err:
        if err.error.code == METHOD_NOT_FOUND:
            return []  # a server may have resources and know nothing of templates
        raise
    return [
        ResourceTemplate(
            uri_template=one.uri_template,
            name=clean(one.name),
            description=clean(one.description or ""),
            mime_type=one.mime_type,
        )
        for one in listed
    ]


async def prompts(client: Client) -> list[Prompt]:
    """The prompts; none for a server without."""
    if client.server_capabilities.prompts is None:
        return []
    return [
        Prompt(
            name=one.name,
            description=clean(one.description or ""),
            arguments=tuple(
                PromptArgument(gap.name, clean(gap.description or ""), bool(gap.required))
                for gap in one.arguments or ()
            ),
        )
        for one in await _pages(client.list_prompts, lambda page: page.prompts)
    ]


async def ping(client: Client) -> None:
    """A request that does nothing; what knows no ``ping`` any more is asked what it is."""
    from mcp.types.version import MODERN_PROTOCOL_VERSIONS

    if client.protocol_version in MODERN_PROTOCOL_VERSIONS:
        await client.session.send_discover(client.protocol_version)
    else:
        await client.session.send_ping()


def description(tool: types.Tool) -> str:
    """What a tool says of itself, for a model."""
    return cut(clean(tool.description or tool.title or ""), MAX_DESCRIPTION_BYTES)


async def _pages(
    list_page: Callable[..., Awaitable[Any]], entries: Callable[[Any], list[T]]
) -> list[T]:
    found: list[T] = []
    cursor: str | None = None
    room = MAX_LIST_BYTES
    for _ in range(MAX_PAGES):
        page = await list_page(cursor=cursor)
        room -= len(page.model_dump_json())
        if room < 0:
            raise ValueError(f"the list has more than {MAX_LIST_BYTES} bytes")
        found += entries(page)
        cursor = page.next_cursor
        if len(found) > MAX_ENTRIES:
            break
        if cursor is None:
            return found
    raise ValueError(f"the list has no end: {len(found)} entries, and more pages")


def _is_usable(tool: types.Tool) -> bool:
    if len(tool.name) > MAX_NAME_CHARS:
        _logger.warning("a tool is left out: its name has %d characters", len(tool.name))
        return False
    size = len(json.dumps(tool.input_schema))
    if size > MAX_SCHEMA_BYTES:
        _logger.warning(
            "the tool %r is left out: its schema has %d bytes, more than %d",
            tool.name, size, MAX_SCHEMA_BYTES,
        )  # fmt: skip
    return size <= MAX_SCHEMA_BYTES
