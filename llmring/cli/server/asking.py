"""Asking a server, or the store on this machine, from a command."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import click

from llmring.cli.server import env_file

if TYPE_CHECKING:
    from llmring.conversations.remote.connection import ServerConnection
    from llmring.conversations.types import UsageFilter

T = TypeVar("T")
FunctionT = TypeVar("FunctionT", bound=Callable[..., Any])
_NONE = (
    "no llmring server is named; set LLMRING_SERVER_URL, give --server, or run: llmring server init"
)


def server_options(function: FunctionT) -> FunctionT:
    """``--server`` and ``--api-key``: `server_url`, `api_key`."""
    key = click.option("--api-key", metavar="KEY", help="Its key.  [default: LLMRING_API_KEY]")
    server = click.option(
        "--server",
        "server_url",
        metavar="URL",
        help="Address of the server.  [default: LLMRING_SERVER_URL]",
    )
    return server(key(function))


def env_file_option(function: FunctionT) -> FunctionT:
    """``--env-file``: `path`."""
    return click.option(
        "--env-file",
        "path",
        type=click.Path(dir_okay=False, path_type=Path),
        default=env_file.DEFAULT,
        show_default=True,
        help="File of variables, for your shell to source.",
    )(function)


def filter_options(function: FunctionT) -> FunctionT:
    """``--start-date``, ``--end-date``, ``--origin``, …, each by its name in `UsageFilter`."""
    for flag, name, told in (
        ("--profile", "profile", "Of a profile alone."),
        ("--origin", "origin", "Of an origin alone."),
        ("--model", "model", "Of a model alone, without its provider."),
        ("--provider", "provider", "Of a provider alone."),
        ("--alias", "alias", "Of an alias alone."),
    ):
        function = click.option(flag, name, metavar="NAME", help=told)(function)
    moment = _Moment()
    function = click.option("--end-date", "until", type=moment, help="Before then.")(function)
    return click.option("--start-date", "since", type=moment, help="From then on.")(function)


class _Moment(click.ParamType[datetime]):
    """A date or a time, as ISO 8601 has it; without a zone it is local."""

    name = "iso date"

    def get_metavar(self, param: click.Parameter, *args: Any, **kwargs: Any) -> str:
        """What help shows."""
        return "DATE"

    def convert(
        self, value: Any, param: click.Parameter | None, ctx: click.Context | None
    ) -> datetime:
        """The moment."""
        if isinstance(value, datetime):
            return value
        try:
            return datetime.fromisoformat(value).astimezone()
        except (ValueError, OverflowError):
            self.fail("that is no date; write 2026-11-22 or 2026-11-22T10:00", param, ctx)


def usage_filter(fields: dict[str, Any]) -> UsageFilter:
    """The filter that options describe."""
    from llmring.conversations.types import UsageFilter

    return UsageFilter(**fields)


def with_store(
    work: Callable[[Any], Awaitable[T]],
    server_url: str | None = None,
    api_key: str | None = None,
    *,
    or_local: bool = False,
) -> T:
    """What `work` gives for the store at the server.

    :param or_local: take the store on this machine where no server is named.
    :raises ConfigurationError: no server is named, or none can be there.
    """
    from llmring.conversations.store_address import StoreAddress
    from llmring.exceptions import ConfigurationError

    address = StoreAddress.read(os.environ, server_url, api_key)
    if address.server is None and not or_local:
        raise ConfigurationError(_NONE)

    async def run() -> T:
        store = address.open()
        try:
            return await work(store)
        finally:
            await store.close()

    return asyncio.run(run())


def with_server(
    work: Callable[[ServerConnection], Awaitable[T]],
    server_url: str | None,
    api_key: str | None,
    file: dict[str, str] | None = None,
) -> T:
    """What `work` gives for a connection to the server.

    :param file: variables that hold where the environment has none.
    :raises ConfigurationError: no server is named, or none can be there.
    """
    from llmring.conversations.remote.address import RemoteAddress
    from llmring.conversations.remote.connection import ServerConnection
    from llmring.exceptions import ConfigurationError

    environ = settled(file or {})
    address = RemoteAddress.read(environ, server_url, api_key)
    if address is None:
        raise ConfigurationError(_NONE)

    async def run() -> T:
        connection = ServerConnection(address)
        try:
            return await work(connection)
        finally:
            await connection.close()

    return asyncio.run(run())


def settled(file: dict[str, str]) -> dict[str, str]:
    """The environment's server and key, else a file's; never one of each."""
    from llmring.conversations.remote.address import KEY_VARIABLE, URL_VARIABLE

    names = (URL_VARIABLE, KEY_VARIABLE)
    source = os.environ if any(os.environ.get(name) for name in names) else file
    return {name: source[name] for name in names if source.get(name)}
