"""`llmring server init` and `llmring server status`."""

from __future__ import annotations

import os
import shlex
from pathlib import Path
from typing import Any

import click

from llmring.cli.command import RingCommand
from llmring.cli.server import env_file
from llmring.cli.server.asking import env_file_option, server_options, settled, with_server
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json
from local_llm_kit.cli.terminal import note, printable_line

_DEFAULT_URL = "http://127.0.0.1:9100"
_INIT_EXAMPLES = """\b
Examples:
  llmring server init
  llmring server init --env-file .env.llmring --name laptop
"""
_STATUS_EXAMPLES = """\b
Examples:
  llmring server status
  llmring server status --json
"""


def admin_key_option(function: Any) -> Any:
    """``--admin-key``: `admin_key`."""
    return click.option(
        "--admin-key",
        metavar="KEY",
        envvar="LLMRING_ADMIN_KEY",
        help="The server's admin key, where it has one.  [default: LLMRING_ADMIN_KEY]",
    )(function)


@click.command(cls=RingCommand, epilog=_INIT_EXAMPLES)
@click.option(
    "--server",
    "server_url",
    metavar="URL",
    help=f"Address of the server.  [default: LLMRING_SERVER_URL, else {_DEFAULT_URL}]",
)
@click.option("--api-key", metavar="KEY", help="Write this key, and make none.")
@admin_key_option
@click.option("--name", default="", metavar="TEXT", help="What lists call the key.")
@click.option("--tenant", metavar="NAME", help="Whose key it is; the admin's key may say so.")
@env_file_option
@click.option("--force", is_flag=True, help="Make another key where the file has one that works.")
def init(
    server_url: str | None,
    api_key: str | None,
    admin_key: str | None,
    name: str,
    tenant: str | None,
    path: Path,
    force: bool,
) -> None:
    """Get a key from a server, and write both into a file for your shell.

    A server on this machine gives the first key to whoever asks; for further ones it takes the
    admin's. Then: source .env.llmring
    """
    from llmring.conversations.remote.address import KEY_VARIABLE, URL_VARIABLE, RemoteAddress

    held = env_file.read(path)
    given = server_url or settled(held).get(URL_VARIABLE) or _DEFAULT_URL
    address = RemoteAddress.read({}, given, api_key)
    assert address is not None, "an address was given"
    url, key = address.url, address.api_key
    mine = held.get(KEY_VARIABLE) if held.get(URL_VARIABLE, "").rstrip("/") == url else None
    if key is None and mine and not force and _opens(url, mine):
        note(f"{str(path)!r} has a key that {url} takes; --force makes another one")
        return
    if key is None:
        env_file.check_writable(path)
        key = new_key(url, admin_key, name, tenant)
    elif not _opens(url, "".join(key)):
        raise click.ClickException(f"{url} does not take that key")
    env_file.write(path, {URL_VARIABLE: url, KEY_VARIABLE: "".join(key)})
    said = f"Wrote {path}; load it with: source {shlex.quote(str(path))}"
    click.echo(printable_line(said))


def new_key(url: str, admin_key: str | None, name: str, tenant: str | None) -> Any:
    """A key that the server makes.

    :param admin_key: None asks for the server's first one, for which it takes none.
    :raises ServerError: it makes none.
    """
    from llmring.exceptions import ServerError
    from llmring.server.wire import API

    body = {"name": name} | ({"tenant": tenant} if tenant else {})
    try:
        made = with_server(
            lambda connection: connection.ask("POST", f"{API}/keys", body, repeatable=False),
            url,
            admin_key,
        )
    except ServerError as err:
        if err.status_code != 401:
            raise
        problem = (
            "does not take that admin key"
            if admin_key
            else "has keys already, and needs one to make another"
        )
        raise click.ClickException(
            f"{url} {problem}; give the admin's with --admin-key, or a key that you have with "
            "--api-key"
        ) from err
    return key_in(made)


def key_in(answer: Any) -> Any:
    """The key that a server's answer tells, as a `Secret`.

    :raises ServerError: it tells none.
    """
    from LLM.secrets import Secret
    from llmring.exceptions import ServerError

    key = answer.get("key") if isinstance(answer, dict) else None
    if not isinstance(key, str):
        raise ServerError("the server's answer has no 'key'; is it an llmring server?")
    return Secret(key)


def _opens(url: str, key: str) -> bool:
    """Whether the server takes a key. :raises ServerError: it cannot be asked."""
    from llmring.exceptions import ServerError
    from llmring.server.wire import API

    try:
        with_server(lambda connection: connection.ask("GET", f"{API}/keys/current"), url, key)
    except ServerError as err:
        if err.status_code not in (401, 403):
            raise
        return False
    return True


@click.command(cls=RingCommand, epilog=_STATUS_EXAMPLES)
@server_options
@env_file_option
@json_option
def status(server_url: str | None, api_key: str | None, path: Path, as_json: bool) -> None:
    """Say which server and key are set, and whether they work.

    They are those of the environment, else of the file.
    """
    from llmring.conversations.remote.address import URL_VARIABLE, RemoteAddress
    from llmring.exceptions import ServerConnectionError, ServerError
    from llmring.server.wire import HEALTH

    file = env_file.read(path)
    address = RemoteAddress.read(settled(file), server_url, api_key)
    told: dict[str, Any] = {"server": None, "source": None, "health": None, "key": None}
    if address is not None:
        told["server"] = address.url
        is_set = bool(os.environ.get(URL_VARIABLE))
        told["source"] = "--server" if server_url else "the environment" if is_set else str(path)
        try:
            health = with_server(lambda one: one.ask("GET", HEALTH), address.url, None)
            told["health"] = health if isinstance(health, dict) else {"status": "not known"}
        except ServerError as err:
            is_away = isinstance(err, ServerConnectionError)
            told["health"] = {"status": "away" if is_away else "failing", "problem": err.message}
        if address.api_key is None:
            told["key"] = "none"
        elif told["health"].get("status") == "ok":
            told["key"] = "accepted" if _opens(address.url, address.api_key) else "refused"
    if as_json:
        echo_json(told)
    else:
        _write_status(told)
    if told["server"] and (told["key"] != "accepted" or told["health"]["status"] != "ok"):
        raise SystemExit(1)


def _write_status(told: dict[str, Any]) -> None:
    if told["server"] is None:
        click.echo("No server is set: calls are noted on this machine. See llmring server init.")
        return
    health = told["health"]
    lines = [
        f"server  {told['server']} (from {told['source']})",
        f"health  {health['status']}" + (f": {health['problem']}" if "problem" in health else ""),
        f"key     {told['key'] or 'not tried'}",
    ]
    for line in lines:
        click.echo(printable_line(line))
