"""`llmring mcp`: servers of the Model Context Protocol, used and offered."""

from __future__ import annotations

import click

from local_llm_kit.cli.lazy_group import LazyGroup

__all__ = ["mcp"]

_COMMANDS = {
    "lockfile-server": (
        "llmring.cli.mcp.serving:lockfile_server",
        "Offer the lockfile's tools to any MCP client.",
    ),
}

_EXAMPLES = """\b
Examples:
  llmring mcp lockfile-server --help
"""


@click.group("mcp", cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
def mcp() -> None:
    """MCP servers: the tools that models can call."""
