"""Connections to the plain server, with approved tools of the test's own."""

from __future__ import annotations

import asyncio
import json
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, TypeVar

from llmring.mcp.client import Limits, MCPConnection, PinStore

T = TypeVar("T")
PLAIN = Path(__file__).with_name("plain_server.py")
PATIENCE = Limits(connect_s=20.0, call_s=20.0)


def plain(folder: Path, *options: str, **settings: Any) -> MCPConnection:
    """A connection to a plain server of its own in `folder`."""
    settings.setdefault("pins", PinStore(folder / "pins.json"))
    settings.setdefault("limits", PATIENCE)
    return MCPConnection([sys.executable, "-I", str(PLAIN), str(folder), *options], **settings)


def using(connection: MCPConnection, work: Callable[[MCPConnection], Awaitable[T]]) -> T:
    """The result of `work` with an open connection, in a loop of its own."""

    async def run() -> T:
        async with connection:
            return await work(connection)

    return asyncio.run(run())


def heard(folder: Path) -> list[dict[str, Any]]:
    """What the server in `folder` was sent."""
    return [json.loads(line) for line in (folder / "heard.jsonl").read_text().splitlines()]


def methods(folder: Path) -> list[str]:
    """The methods of what the server in `folder` was sent."""
    return [message.get("method", "") for message in heard(folder)]


def offer(folder: Path, **descriptions: str) -> str:
    """Have the server in `folder` offer tools of these descriptions.

    :return: the list as JSON.
    """
    schema = {"type": "object", "properties": {"text": {"type": "string"}}}
    listed = json.dumps(
        [
            {"name": name, "description": said, "inputSchema": schema}
            for name, said in descriptions.items()
        ]
    )
    (folder / "tools.json").write_text(listed)
    return listed
