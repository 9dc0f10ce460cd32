"""`llmring mcp tools`, `prompts` and `resources`: what servers offer."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

import click

from llmring.cli.command import RingCommand
from local_llm_kit.cli.options import json_option
from local_llm_kit.cli.tables import echo_json, echo_table
from local_llm_kit.cli.terminal import note, printable_line

if TYPE_CHECKING:
    from llmring.mcp.client import MCPConnection, ServerAddress

#: Asks a server: what it offers, each as JSON with a ``name`` and a ``description``.
_Ask = Callable[["MCPConnection"], Awaitable[list[dict[str, Any]]]]

_MAX_SHOWN_CHARS = 100


async def _tools(connection: MCPConnection) -> list[dict[str, Any]]:
    return [
        {"name": one.name, "description": one.description, "parameters": one.parameters}
        for one in await connection.tools()
    ]


async def _prompts(connection: MCPConnection) -> list[dict[str, Any]]:
    from dataclasses import asdict

    return [asdict(one) for one in await connection.prompts()]


async def _resources(connection: MCPConnection) -> list[dict[str, Any]]:
    from dataclasses import asdict

    found = [asdict(one) for one in await connection.resources()]
    return found + [asdict(one) for one in await connection.resource_templates()]


def _command(kind: str, ask: _Ask, summary: str) -> click.Command:
    """The command that lists one kind of what servers offer."""
    examples = (
        f"\b\nExamples:\n  llmring mcp {kind}\n  llmring mcp {kind} lockfile\n"
        f"  llmring mcp {kind} --json\n"
    )

    @click.command(kind, cls=RingCommand, epilog=examples, help=summary)
    @click.argument("servers", nargs=-1, metavar="[SERVER]...")
    @json_option
    def command(servers: tuple[str, ...], as_json: bool) -> None:
        import asyncio

        from llmring.cli.mcp.noted import noted_offers

        chosen = _chosen(servers)
        told = asyncio.run(_all(chosen, kind, ask))
        noted, problem = ([], None) if servers else asyncio.run(noted_offers(kind))
        told += noted
        if not told and not as_json:
            note("(no server is registered: llmring mcp servers register NAME ADDRESS)")
        elif as_json:
            echo_json(told)
        else:
            _show(told, kind)
        if any(one["problem"] for one in told):
            raise click.exceptions.Exit(1)
        if problem:
            raise problem

    return command


_WHICH = """

SERVER is the name of a registered server, or an address as `llmring mcp servers register` takes it;
without it, all that are registered are asked, and what the llmring server of LLMRING_SERVER_URL has
noted is listed too. Ends with 1 where one cannot be asked."""

tools = _command("tools", _tools, "List the tools that servers offer to models." + _WHICH)
prompts = _command("prompts", _prompts, "List the prompts that servers have ready." + _WHICH)
resources = _command("resources", _resources, "List what can be read at servers." + _WHICH)


def _chosen(servers: tuple[str, ...]) -> dict[str, ServerAddress]:
    """The servers to ask, by their names."""
    from llmring.mcp.registered import RegisteredServers

    registered = RegisteredServers()
    if not servers:
        return registered.addresses()
    return {one: registered.find(one) for one in servers}


async def _all(chosen: dict[str, ServerAddress], kind: str, ask: _Ask) -> list[dict[str, Any]]:
    import asyncio

    return await asyncio.gather(*[_one(name, where, kind, ask) for name, where in chosen.items()])


async def _one(name: str, where: ServerAddress, kind: str, ask: _Ask) -> dict[str, Any]:
    """What a server offers, or why it cannot be asked."""
    from llmring.exceptions import MCPError
    from llmring.mcp.client import MCPConnection

    told: dict[str, Any] = {"server": name, kind: [], "withheld": [], "problem": None}
    try:
        async with MCPConnection(where) as connection:
            told[kind] = await ask(connection)
            told["withheld"] = [one.tool for one in connection.changes if one.kind != "removed"]
    except MCPError as err:
        told["problem"] = err.message
    return told


def _show(told: list[dict[str, Any]], kind: str) -> None:
    rows = [
        (server["server"], one.get("uri") or one.get("uri_template") or one["name"], _line(one))
        for server in told
        for one in server[kind]
    ]
    if rows:
        echo_table(("SERVER", kind[:-1].upper(), ""), rows)
    for server in told:
        if server["problem"]:
            # What a program wrote last stands on lines of its own.
            problem = " ".join(server["problem"].splitlines())
            click.echo(printable_line(f"error: {server['server']}: {problem}"), err=True)
        elif "noted_at" in server:
            note(f"({server['server']}: as noted at {server['noted_at']})")
        elif not server[kind]:
            note(f"({server['server']} has no {kind})")
        if server["withheld"]:
            changed = ", ".join(server["withheld"])
            note(f"({server['server']}: changed since they were approved, and withheld: {changed})")


def _line(one: dict[str, Any]) -> str:
    """The first line of a description."""
    line = (one["description"] or "").strip().partition("\n")[0]
    return line if len(line) <= _MAX_SHOWN_CHARS else f"{line[: _MAX_SHOWN_CHARS - 1]}…"
