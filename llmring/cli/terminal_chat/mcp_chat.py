"""`llmring mcp chat`, which is also the program `mcp-client`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from llmring.cli.command import RingCommand
from llmring.cli.terminal_chat.opening import chat_options

if TYPE_CHECKING:
    from llmring.mcp.client.addresses import ServerAddress

_EXAMPLES = """\b
Examples:
  llmring mcp chat
  llmring mcp chat --server lockfile --system "Be brief."
  echo "/tools" | llmring mcp chat --server lockfile --model local:tiny --yes
"""


class _ChatCommand(RingCommand):
    extras = "ring,mcp,llama"

    def invoke(self, ctx: click.Context) -> None:
        """Run the command; `mcp-client` has no group around it that sees to Ctrl-C."""
        try:
            super().invoke(ctx)
        except KeyboardInterrupt:
            ctx.exit(130)


@click.command("chat", cls=_ChatCommand, epilog=_EXAMPLES)
@click.option(
    "--server",
    "servers",
    metavar="NAME|ADDRESS",
    multiple=True,
    help="An MCP server: a registered one, https://…, stdio://COMMAND ARGS, or a script's path. May"
    " be repeated.  [default: all that are registered]",
)
@click.option(
    "--config",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help='A JSON file of servers, as other clients have it: {"mcpServers": {NAME: …}}.',
)
@click.option("-s", "--system", metavar="TEXT", help="What the system message says.")
@chat_options
def mcp_chat(
    servers: Sequence[str],
    config: Path | None,
    system: str | None,
    model: str | None,
    profile: str | None,
    all_allowed: bool,
    is_kept: bool,
) -> None:
    """Chat with a model that calls the tools of MCP servers.

    /help lists what can be typed beside questions. Before a tool runs you are asked. Ctrl-C stops
    an answer, Ctrl-D leaves. Without a terminal each line of standard input is a question, and
    tools run with --yes alone.
    """
    from llmring.cli.question import default_model
    from llmring.cli.terminal_chat.opening import Opening, chat
    from llmring.cli.terminal_chat.session import Part
    from llmring.service import LLMRing

    found = _addresses(servers, config)
    ring = LLMRing(origin="llmring mcp chat")
    chat(
        ring,
        Opening(
            model=default_model(ring, profile) if model is None else model,
            profile=profile,
            part=Part(system),
            folder="chats",
            is_kept=is_kept,
            all_allowed=all_allowed,
            servers=found,
            # Who names a server wants it; who names none wants those that are there.
            may_lack_servers=not servers and config is None,
        ),
    )


def _addresses(servers: Sequence[str], config: Path | None) -> list[ServerAddress]:
    """Where the servers are, before any is started; where none is named, all that are registered.

    :raises ConfigurationError: an address cannot be used, or a file cannot be read.
    """
    from llmring.mcp.client.addresses import configured_servers
    from llmring.mcp.registered import RegisteredServers

    registered = RegisteredServers()
    if not servers and config is None:
        return list(registered.addresses().values())
    named = [] if config is None else list(configured_servers(config).values())
    return [*(registered.find(server) for server in servers), *named]
