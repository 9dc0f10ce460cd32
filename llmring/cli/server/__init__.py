"""`llmring server`: the self-hosted server, and what it keeps."""

from __future__ import annotations

import click

from local_llm_kit.cli.lazy_group import LazyGroup

__all__ = ["server"]

_COMMANDS = {
    "start": ("llmring.cli.server.start", "Keep conversations and usage for others."),
    "init": ("llmring.cli.server.setup", "Get a key, and write a file for your shell."),
    "status": ("llmring.cli.server.setup", "Say which server and key are set, and if they work."),
    "key": ("llmring.cli.server.keys", "Make, list and replace keys."),
    "stats": ("llmring.cli.server.records:server_stats", "Show what calls took."),
    "logs": ("llmring.cli.server.records", "List calls, as a table, JSON or CSV."),
    "conversations": ("llmring.cli.server.records", "List conversations, or show one."),
}

_EXAMPLES = """\b
Examples:
  llmring server init --env-file .env.llmring
  llmring server status
  llmring server logs --limit 20 --output json
"""


@click.group(cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
def server() -> None:
    """A server that keeps the conversations and the usage of many users."""
