"""Using MCP servers: connections to them, and a model that calls their tools.

::

    async with MCPConnection("stdio://npx -y @modelcontextprotocol/server-memory") as connection:
        tools = await connection.tools()

A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from llmring.mcp.client.addresses import ServerAddress, address, configured_servers
    from llmring.mcp.client.connection import MCPConnection
    from llmring.mcp.client.create import create_enhanced_llm
    from llmring.mcp.client.enhanced import EnhancedLLM
    from llmring.mcp.client.events import (
        Event,
        ToolEnded,
        ToolProgress,
        ToolStarted,
        ToolUse,
        TurnEnded,
    )
    from llmring.mcp.client.functions import tool_of
    from llmring.mcp.client.pins import PinStore
    from llmring.mcp.client.stream import TurnStream
    from llmring.mcp.client.turn import Turn
    from llmring.mcp.client.types import (
        Callbacks,
        Limits,
        Prompt,
        PromptArgument,
        Resource,
        ResourceContents,
        ResourceTemplate,
        ServerInfo,
        ToolChange,
    )

# Which module each public name lives in.
_HOMES = {
    "llmring.mcp.client.addresses": "ServerAddress address configured_servers",
    "llmring.mcp.client.connection": "MCPConnection",
    "llmring.mcp.client.create": "create_enhanced_llm",
    "llmring.mcp.client.enhanced": "EnhancedLLM",
    "llmring.mcp.client.events": "Event ToolEnded ToolProgress ToolStarted ToolUse TurnEnded",
    "llmring.mcp.client.functions": "tool_of",
    "llmring.mcp.client.pins": "PinStore",
    "llmring.mcp.client.stream": "TurnStream",
    "llmring.mcp.client.turn": "Turn",
    "llmring.mcp.client.types": (
        "Callbacks Limits Prompt PromptArgument Resource ResourceContents ResourceTemplate "
        "ServerInfo ToolChange"
    ),
}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = [
    "Callbacks",
    "EnhancedLLM",
    "Event",
    "Limits",
    "MCPConnection",
    "PinStore",
    "Prompt",
    "PromptArgument",
    "Resource",
    "ResourceContents",
    "ResourceTemplate",
    "ServerAddress",
    "ServerInfo",
    "ToolChange",
    "ToolEnded",
    "ToolProgress",
    "ToolStarted",
    "ToolUse",
    "Turn",
    "TurnEnded",
    "TurnStream",
    "address",
    "configured_servers",
    "create_enhanced_llm",
    "tool_of",
]
