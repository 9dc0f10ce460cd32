"""`llmring server start`."""

from __future__ import annotations

from typing import Any

import click

from LLM.extras import how_to_add
from llmring.cli.command import RingCommand
from llmring.exceptions import ConfigurationError
from local_llm_kit.cli.options import log_format_option

_EXAMPLES = """\b
Examples:
  llmring server start
  llmring server start --port 9200 --database usage.sqlite --log-requests
  LLMRING_ADMIN_KEY=$(openssl rand -hex 32) llmring server start --host 0.0.0.0
"""


@click.command(cls=RingCommand, epilog=_EXAMPLES)
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    metavar="ADDRESS",
    help="Address to listen on; any but a loopback address needs an admin's key, or keys that were"
    " made before.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=9100,
    show_default=True,
    metavar="N",
    help="Port to listen on; 0 takes a free one.",
)
@click.option(
    "--database",
    metavar="URL",
    help="The path of an SQLite file, or postgresql://USER:PASSWORD@HOST/DATABASE."
    "  [default: LLMRING_DATABASE_URL, else server.sqlite in your data folder]",
)
@click.option(
    "--admin-key-file",
    type=click.Path(),
    help="File with the admin's key, which makes tenants' keys."
    "  [default: LLMRING_ADMIN_KEY, else the file LLMRING_ADMIN_KEY_FILE]",
)
@click.option(
    "--allowed-host",
    "allowed_hosts",
    multiple=True,
    metavar="NAME",
    help="A further name by which requests may address the server, that of a reverse proxy for"
    " example; may be repeated.",
)
@click.option(
    "--log-requests",
    is_flag=True,
    help="Write a line for each request on standard error, without keys and contents.",
)
@log_format_option
@click.option("--metrics", "has_metrics", is_flag=True, help="Answer /metrics, for Prometheus.")
def start(**settings: Any) -> None:
    """Keep conversations and usage of many users, in SQLite or PostgreSQL.

    Make the first key with: llmring server init. Stop the server with Ctrl-C.
    """
    try:
        from llmring.server.options import ServerOptions
        from llmring.server.run import serve
    except ImportError as err:
        raise ConfigurationError(
            f"the server takes {err.name}, which is not installed; {how_to_add('ring,server')}",
            original=err,
        ) from err
    serve(ServerOptions(**settings))
