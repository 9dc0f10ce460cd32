"""`llmring mcp` where an llmring server has notes of MCP servers: they are shown, and not used."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.llmring.cli.support import run
from tests.remote import wire
from tests.remote.scripted_server import Request, ScriptedServer

ID, MOMENT = "018f0000-0000-7000-8000-000000000001", "2026-11-22T04:00:00Z"
SERVER = {
    "id": ID, "name": "files", "url": "stdio://files --all", "transport_type": "stdio",
    "is_active": True, "created_at": MOMENT, "updated_at": MOMENT,
}  # fmt: skip
TOOL = {
    "id": ID, "server_id": ID, "kind": "tool", "name": "read", "description": "Read a file.",
    "definition": {"name": "read", "inputSchema": {"type": "object"}},
}  # fmt: skip


def answer(request: Request) -> bytes:
    path, _, query = request.path.partition("?")
    lists: dict[str, list[Any]] = {"servers": [SERVER], "tools": [TOOL], "prompts": []}
    return wire.answer(lists[path.rpartition("/")[2]] if "offset=0" in query else [])


@pytest.fixture
def ring_server(monkeypatch: pytest.MonkeyPatch) -> Iterator[ScriptedServer]:
    """An llmring server that has noted one MCP server."""
    with ScriptedServer((answer,)) as server:
        monkeypatch.setenv("LLMRING_SERVER_URL", server.url)
        monkeypatch.setenv("LLMRING_API_KEY", "llmr_pk_secret")
        yield server


def test_noted_servers_are_listed_behind_those_that_are_registered(
    ring_server: ScriptedServer,
) -> None:
    run("mcp", "register", "docs", "https://mcp.invalid/mcp")
    result = run("mcp", "servers", "list")
    assert result.stdout.splitlines()[1:] == [
        "docs    https://mcp.invalid/mcp",
        f"files   stdio://files --all      noted at {ring_server.url}",
    ]
    told = json.loads(run("mcp", "servers", "list", "--json").stdout)
    assert [one.get("noted_at") for one in told] == [None, ring_server.url]


def test_noted_tools_are_listed_and_nobody_is_started(ring_server: ScriptedServer) -> None:
    result = run("mcp", "tools")
    assert result.stdout.splitlines()[1] == "files   read  Read a file."
    assert result.stderr == f"(files: as noted at {ring_server.url})\n"
    (told,) = json.loads(run("mcp", "tools", "--json").stdout)
    assert told["tools"][0]["inputSchema"] == {"type": "object"}
    assert "no server is registered" in run("mcp", "prompts").stderr


def test_a_noted_server_is_not_used_by_its_name(ring_server: ScriptedServer) -> None:
    result = run("mcp", "tools", "files")
    assert (result.exit_code, "no MCP server 'files' is registered" in result.stderr) == (1, True)
    assert ring_server.bodies == []


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (wire.answer({"error": {"message": "wrong key"}}, 401), "check LLMRING_API_KEY"),
        (wire.answer([{"name": "x" * 1000}]), "cannot be read; check its version"),
        (wire.answer({"servers": []}), "cannot be read; check its version"),
    ],
    ids=["key", "shape", "no list"],
)
@pytest.mark.parametrize("command", [("servers", "list"), ("tools",)], ids=" ".join)
def test_what_keeps_the_server_from_telling_is_said_behind_the_rest(
    monkeypatch: pytest.MonkeyPatch, said: bytes, problem: str, command: tuple[str, ...]
) -> None:
    with ScriptedServer((said,)) as server:
        monkeypatch.setenv("LLMRING_SERVER_URL", server.url)
        monkeypatch.setenv("LLMRING_API_KEY", "llmr_pk_secret")
        result = run("mcp", *command, "--json")
    assert (result.exit_code, json.loads(result.stdout)) == (1, [])
    assert problem in result.stderr
    assert "llmr_pk_secret" not in result.output
    assert "xxx" not in result.output
