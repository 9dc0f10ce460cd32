"""`llmring server key`."""

from __future__ import annotations

import shlex
from datetime import datetime
from pathlib import Path
from typing import Any

import click

from llmring.cli.command import RingCommand
from llmring.cli.server import env_file
from llmring.cli.server.asking import env_file_option, server_options, settled, with_server
from llmring.cli.server.setup import admin_key_option, key_in, new_key
from local_llm_kit.cli.lazy_group import LazyGroup
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table
from local_llm_kit.cli.terminal import note, printable_line

_COMMANDS = {
    "create": ("llmring.cli.server.keys:create", "Make a key."),
    "list": ("llmring.cli.server.keys:list_keys", "List your keys, without what opens anything."),
    "rotate": ("llmring.cli.server.keys:rotate", "Replace your key by a new one."),
}
_EXAMPLES = """\b
Examples:
  llmring server key create --name laptop
  llmring server key list
  llmring server key rotate
"""


@click.group(cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
def key() -> None:
    """Keys of the server."""


@click.command(
    cls=RingCommand,
    epilog="\b\nExamples:\n  llmring server key create --name laptop\n"
    "  llmring server key create --json",
)
@server_options
@admin_key_option
@click.option("--name", default="", metavar="TEXT", help="What lists call the key.")
@click.option("--tenant", metavar="NAME", help="Whose key it is; the admin's key may say so.")
@env_file_option
@click.option("--update-env", is_flag=True, help="Write it into the file instead of showing it.")
@json_option
def create(
    server_url: str | None,
    api_key: str | None,
    admin_key: str | None,
    name: str,
    tenant: str | None,
    path: Path,
    update_env: bool,
    as_json: bool,
) -> None:
    """Make a key, of your own tenant, or by the admin's key of any.

    It is shown once; the server keeps its digest alone.
    """
    from llmring.conversations.remote.address import KEY_VARIABLE, URL_VARIABLE, RemoteAddress

    environ = settled(env_file.read(path))
    address = RemoteAddress.read(environ, server_url, api_key)
    url = address.url if address else ""
    own = "".join(address.api_key) if address and address.api_key else None
    if update_env:
        env_file.check_writable(path)
    made = new_key(url or _no_server(), admin_key or own, name, tenant)
    if update_env:
        env_file.write(path, {URL_VARIABLE: url, KEY_VARIABLE: "".join(made)})
        note(f"(wrote {path})")
    elif as_json:
        echo_json({"server": url, "key": "".join(made)})
    else:
        click.echo("".join(made))


def _no_server() -> str:
    from llmring.exceptions import ConfigurationError

    raise ConfigurationError("no llmring server is named; set LLMRING_SERVER_URL or give --server")


@click.command(
    cls=RingCommand,
    epilog="\b\nExamples:\n  llmring server key list\n  llmring server key list --json",
)
@server_options
@env_file_option
@json_option
def list_keys(server_url: str | None, api_key: str | None, path: Path, as_json: bool) -> None:
    """List your tenant's keys: name, last digits, when they were made and used."""
    from pydantic import TypeAdapter, ValidationError

    from llmring.exceptions import ServerError
    from llmring.server.wire import API, Key

    answer = with_server(
        lambda connection: connection.ask("GET", f"{API}/keys"),
        server_url,
        api_key,
        env_file.read(path),
    )
    try:
        found = TypeAdapter(list[Key]).validate_python(answer)
    except ValidationError:
        raise ServerError("the server's list of keys cannot be read; check its version") from None
    if as_json:
        echo_json([one.model_dump(mode="json") for one in found])
        return
    rows = [
        (str(one.id), one.name, f"…{one.hint}", _minute(one.created_at),
         _minute(one.last_used_at) or "never", _minute(one.revoked_at))
        for one in found
    ]  # fmt: skip
    echo_table(("ID", "NAME", "KEY", "MADE", "USED", "REVOKED"), rows)


def _minute(moment: datetime | None) -> str:
    return f"{moment:%Y-%m-%d %H:%M}" if moment else ""


@click.command(
    cls=RingCommand,
    epilog="\b\nExamples:\n  llmring server key rotate\n"
    "  llmring server key rotate --env-file .env.llmring",
)
@server_options
@env_file_option
def rotate(server_url: str | None, api_key: str | None, path: Path) -> None:
    """Replace your key by a new one, and write that into the file.

    The old one still opens the server for five minutes.
    """
    from llmring.conversations.remote.address import KEY_VARIABLE, URL_VARIABLE
    from llmring.server.wire import API

    urls = []

    async def ask(connection: Any) -> Any:
        urls.append(connection.address.url)
        return await connection.ask("POST", f"{API}/keys/rotate", {}, repeatable=False)

    env_file.check_writable(path)  # before the old key is gone
    made = with_server(ask, server_url, api_key, env_file.read(path))
    env_file.write(path, {URL_VARIABLE: urls[0], KEY_VARIABLE: "".join(key_in(made))})
    click.echo(printable_line(f"Wrote the new key; load it with: source {shlex.quote(str(path))}"))
