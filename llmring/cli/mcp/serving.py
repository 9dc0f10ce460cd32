"""`llmring mcp lockfile-server`."""

from __future__ import annotations

import click

from llmring.cli.command import RingCommand
from llmring.cli.options import path_option, profile_option, registry_option

_EXAMPLES = """\b
Examples:
  llmring mcp lockfile-server
  llmring mcp lockfile-server --path llmring.lock --profile dev
  llmring mcp lockfile-server --http 8765 --api-key-file keys.txt
"""


@click.command("lockfile-server", cls=RingCommand, epilog=_EXAMPLES)
@path_option
@profile_option
@registry_option
@click.option(
    "--http",
    "port",
    type=click.IntRange(0, 65535),
    metavar="PORT",
    help="Speak streamable HTTP on this machine, at http://127.0.0.1:PORT/mcp; 0 takes any free "
    "port.  [default: standard input and output]",
)
@click.option(
    "--api-key-file",
    metavar="FILE",
    help="Keys, one a line: a client over HTTP must send one of them.  [default: none asked for]",
)
def lockfile_server(
    lockfile_path: str | None,
    profile: str | None,
    registry_url: str | None,
    port: int | None,
    api_key_file: str | None,
) -> None:
    """Offer the lockfile's tools, the lockfile and the advisor's prompt to an MCP client.

    The client starts this command and speaks to it; with --http, clients connect to it. Nothing but
    the lockfile is ever written, and that only when a client calls save_lockfile.
    """
    from llmring.mcp.server.lockfile_server import run

    if api_key_file is not None and port is None:
        raise click.UsageError("--api-key-file is for --http")

    def announce(url: str) -> None:
        click.echo(f"serving the lockfile's tools at {url}", err=True)

    run(
        lockfile_path,
        profile,
        registry_url=registry_url,
        port=port,
        api_key_file=api_key_file,
        ready=announce,
    )
