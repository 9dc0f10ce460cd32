"""`llmring mcp apply`."""

from __future__ import annotations

from typing import Any, BinaryIO

import click

from llmring.cli.command import RingCommand
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json
from local_llm_kit.cli.terminal import note, printable_line

_EXAMPLES = """\b
Examples:
  llmring mcp apply -f servers.json
  llmring mcp apply -f servers.json --yes
"""


@click.command(cls=RingCommand, epilog=_EXAMPLES)
@click.option(
    "-f",
    "--file",
    "file",
    type=click.File("rb"),
    required=True,
    metavar="FILE",
    help="JSON as other MCP clients have it; - is standard input.",
)
@click.option("--yes", is_flag=True, help="Register them; else it is only shown what would be.")
@json_option
def apply(file: BinaryIO, yes: bool, as_json: bool) -> None:
    """Register the servers of FILE: {"mcpServers": {NAME: {"command": …} or {"url": …}}}.

    A server of the same name is replaced, others stay. Commands of registered servers are run when
    the servers are used: read the file first, if it is not yours.
    """
    from llmring.mcp.client.addresses import MAX_FILE_BYTES
    from llmring.mcp.registered import RegisteredServers, entries_of

    entries = entries_of(file.read(MAX_FILE_BYTES + 1), getattr(file, "name", "standard input"))
    registered = RegisteredServers()
    changes = registered.apply(entries) if yes else registered.plan(entries)
    if as_json:
        told: list[dict[str, Any]] = [{"name": one.name, "change": one.kind} for one in changes]
        echo_json({"path": registered.path, "written": yes, "servers": told})
        return
    for one in changes:
        click.echo(printable_line(f"{one.name}: {one.kind}"))
    note(f"({registered.path})" if yes else "(nothing is written; --yes registers them)")
