"""`llmring mcp servers`: list, register, remove. `llmring mcp register` is the same command."""

from __future__ import annotations

import os
from typing import Any

import click

from llmring.cli.command import RingCommand
from local_llm_kit.cli.lazy_group import LazyGroup
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table
from local_llm_kit.cli.terminal import note, printable_line

_COMMANDS = {
    "list": ("llmring.cli.mcp.servers:list_servers", "List the servers that are registered."),
    "register": ("llmring.cli.mcp.servers", "Register a server under a name."),
    "remove": ("llmring.cli.mcp.servers", "Remove a server."),
}

_EXAMPLES = """\b
Examples:
  llmring mcp servers list
  llmring mcp servers register --help
"""

_REGISTER_EXAMPLES = """\b
Examples:
  llmring mcp {}register lockfile "stdio://llmring mcp lockfile-server"
  llmring mcp {}register docs https://mcp.example.com/mcp --replace
"""


@click.group(cls=LazyGroup, commands=_COMMANDS, epilog=_EXAMPLES)
def servers() -> None:
    """The servers that are registered, in a file of yours alone."""


@click.command("list", cls=RingCommand, epilog="\b\nExamples:\n  llmring mcp servers list --json\n")
@json_option
def list_servers(as_json: bool) -> None:
    """List the servers that are registered. No header, and no variable, is shown.

    Where LLMRING_SERVER_URL names an llmring server, those that it has noted are listed too; they
    are not used until they are registered here.
    """
    import asyncio

    from llmring.cli.mcp.noted import noted_servers
    from llmring.mcp.registered import RegisteredServers

    registered = RegisteredServers()
    told = [_told(name, entry) for name, entry in registered.entries().items()]
    noted, problem = asyncio.run(noted_servers())
    told += noted
    if as_json:
        echo_json(told)
    else:
        if told:
            rows = [(one["name"], _where(one), _rest(one)) for one in told]
            echo_table(("SERVER", "WHERE", ""), rows)
        path = registered.path
        note(f"({path})" if len(told) > len(noted) else f"(no server is registered: {path})")
    if problem:
        raise problem


def _register_options(epilog: str) -> Any:
    """The command under one of its names."""

    @click.command("register", cls=RingCommand, epilog=epilog)
    @click.argument("name", required=False)
    @click.argument("where", metavar="ADDRESS", required=False)
    @click.option("--name", "named", metavar="NAME", help="The name, in place of the argument.")
    @click.option("--url", metavar="URL", help="The address, in place of the argument.")
    @click.option(
        "--env",
        "env",
        multiple=True,
        metavar="NAME[=VALUE]",
        help="A variable for the server's command; may be repeated. Without a value it is that of"
        " now: other users of the machine can read command lines.",
    )
    @click.option(
        "--header",
        "headers",
        multiple=True,
        metavar="'NAME: VALUE'",
        help="A header for each request to the address; may be repeated. One that holds a key is"
        " better given by `llmring mcp apply`.",
    )
    @click.option("--replace", is_flag=True, help="In place of the server of that name.")
    def register(
        name: str | None,
        where: str | None,
        named: str | None,
        url: str | None,
        env: tuple[str, ...],
        headers: tuple[str, ...],
        replace: bool,
    ) -> None:
        """Register a server under a name.

        ADDRESS is https://HOST/PATH (streamable HTTP), "stdio://COMMAND ARGS", or the path of a
        script. A command is run when the server is used, by no shell. Nobody is asked now.
        """
        from llmring.mcp.registered import RegisteredServers

        if named is not None:
            name, where = named, where or name
        where = url or where
        if not name or not where:
            raise click.UsageError("a name and an address are needed")
        entry = _entry(where, _pairs(env, "=", "--env"), _pairs(headers, ":", "--header"))
        registered = RegisteredServers()
        registered.register(name, entry, replace=replace)
        click.echo(printable_line(f"{name} is {_where(_told(name, entry))}"))
        note(f"({registered.path})")

    return register


register = _register_options(_REGISTER_EXAMPLES.format("servers ", "servers "))
register_server = _register_options(_REGISTER_EXAMPLES.format("", ""))


@click.command(cls=RingCommand, epilog="\b\nExamples:\n  llmring mcp servers remove lockfile\n")
@click.argument("name")
def remove(name: str) -> None:
    """Remove the server NAME. What was approved of it stays approved."""
    from llmring.mcp.registered import RegisteredServers

    RegisteredServers().remove(name)
    click.echo(printable_line(f"{name} is removed"))


def _entry(where: str, env: dict[str, str], headers: dict[str, str]) -> dict[str, Any]:
    """A server as the file has it."""
    from llmring.mcp.client.addresses import address

    if where.endswith(".json"):
        raise click.UsageError("a configuration file is read by: llmring mcp apply -f FILE")
    found = address(where)
    if found.url:
        if env:
            raise click.UsageError("--env is for a server's command; an address has none")
        return {"url": found.url, **({"headers": headers} if headers else {})}
    if headers:
        raise click.UsageError("--header is for an address; a command takes --env")
    entry: dict[str, Any] = {"command": found.command[0], "args": list(found.command[1:])}
    return {**entry, **({"env": env} if env else {})}


def _pairs(texts: tuple[str, ...], separator: str, flag: str) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, found, value = text.partition(separator)
        if separator == "=" and not found and name in os.environ:
            found, value = separator, os.environ[name]
        if not found or not name.strip():
            # What was given may be a key.
            raise click.UsageError(f"{flag} takes NAME{separator}VALUE, or the name of a variable")
        pairs[name.strip()] = value.strip() if separator == ":" else value
    return pairs


def _told(name: str, entry: dict[str, Any]) -> dict[str, Any]:
    """A server without what may be a secret."""
    from llmring.exceptions import ConfigurationError
    from llmring.mcp.registered import usable

    told: dict[str, Any] = {"name": name, "disabled": entry.get("disabled") is True}
    try:
        found = usable({name: {**entry, "disabled": False}})[name]
    except ConfigurationError as err:
        return {**told, "problem": err.message}
    kind = "url" if found.url else "command"
    return {**told, kind: found.label, "headers": [*found.headers], "env": [*found.env]}


def _where(told: dict[str, Any]) -> str:
    return str(told.get("url") or told.get("command") or "?")


def _rest(told: dict[str, Any]) -> str:
    words = ["disabled"] if told["disabled"] else []
    words += [f"cannot be used: {told['problem']}"] if "problem" in told else []
    words += [f"header {name}" for name in told.get("headers", ())]
    words += [f"noted at {told['noted_at']}"] if "noted_at" in told else []
    return ", ".join([*words, *told.get("env", ())])
