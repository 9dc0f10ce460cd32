"""`llmring mcp`: servers of the Model Context Protocol, used and offered."""

from __future__ import annotations

import click

from local_llm_kit.cli.lazy_group import LazyGroup

__all__ = ["mcp"]

_COMMANDS = {
    "chat": (
        "llmring.cli.terminal_chat.mcp_chat:mcp_chat",
        "Chat with a model that calls the tools of MCP servers.",
    ),
    "servers": ("llmring.cli.mcp.servers", "The servers that are registered: list, add, remove."),
    "register": ("llmring.cli.mcp.servers:register_server", "Register a server under a name."),
    "apply": ("llmring.cli.mcp.applying", "Register the servers of a configuration file."),
    "tools": ("llmring.cli.mcp.offered", "List the tools that servers offer to models."),
    "prompts": ("llmring.cli.mcp.offered", "List the prompts that servers have ready."),
    "resources": ("llmring.cli.mcp.offered", "List what can be read at servers."),
    "lockfile-server": (
        "llmring.cli.mcp.serving:lockfile_server",
        "Offer the lockfile's tools to any MCP client.",
    ),
}

_EXAMPLES = """\b
Examples:
  llmring mcp chat
  llmring mcp servers list
  llmring mcp tools
"""


@click.group("mcp", cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
def mcp() -> None:
    """MCP servers: the tools that models can call."""
