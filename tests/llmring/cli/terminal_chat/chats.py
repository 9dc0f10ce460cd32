"""What the tests of the terminal chat share: a server of tools, and chats in this process."""

from __future__ import annotations

import json
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

from tests.cli.support import Terminal, terminal
from tests.llmring.cli.support import ROOT, run
from tests.llmring.mcp.turns import Said
from tests.remote.scripted_server import Script, ScriptedServer

MODEL = "openai:gpt-4o"
MCP_CHAT = ("mcp", "chat")
HI = (Said("Hi."),)
PLAIN_SERVER = ROOT / "tests" / "llmring" / "mcp" / "client" / "plain_server.py"


class Told(NamedTuple):
    """What a chat wrote, and how it ended."""

    code: int
    answers: str
    notes: str
    bodies: list[dict[str, Any]]


def tool_server(folder: Path) -> str:
    """The address of a server with the tools ``echo``, ``never``, …, which notes in `folder`."""
    folder.mkdir(exist_ok=True)
    return "stdio://" + shlex.join([sys.executable, str(PLAIN_SERVER), str(folder)])


def calls(name: str, **arguments: Any) -> Said:
    """A model's round that calls a tool."""
    return Said(calls=[(name, arguments)])


def variables(server: ScriptedServer) -> dict[str, str]:
    return {"OPENAI_API_KEY": "sk-secret", "OPENAI_BASE_URL": server.url}


def chat(
    *lines: str,
    said: tuple[Script, ...] = HI,
    command: tuple[str, ...] = MCP_CHAT,
    options: tuple[str, ...] = (),
) -> Told:
    """A chat with these lines piped in."""
    with ScriptedServer(said) as server:
        result = run(
            *command, "--model", MODEL, *options, input="\n".join(lines), **variables(server)
        )
        bodies = [json.loads(body) for body in server.bodies if body]
    return Told(result.exit_code, result.stdout, result.stderr, bodies)


@contextmanager
def screen(
    *options: str, said: tuple[Script, ...] = HI, command: tuple[str, ...] = MCP_CHAT
) -> Iterator[Terminal]:
    """A chat at a terminal."""
    with ScriptedServer(said) as server:
        environ = {**variables(server), "PYTHONPATH": str(ROOT)}
        words = (*command, "--model", MODEL, *options)
        with terminal(*words, program="llmring", **environ) as shown:
            yield shown
