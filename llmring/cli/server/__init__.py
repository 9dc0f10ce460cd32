"""`llmring server`: the self-hosted server, and what it keeps."""

from __future__ import annotations

import click

from local_llm_kit.cli.lazy_group import LazyGroup

__all__ = ["server"]

_COMMANDS = {
    "start": ("llmring.cli.server.start", "Keep conversations and usage for others."),
}

_EXAMPLES = """\b
Examples:
  llmring server start
  llmring server start --database postgresql://llmring@127.0.0.1/llmring
"""


@click.group(cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
def server() -> None:
    """A server that keeps the conversations and the usage of many users."""
