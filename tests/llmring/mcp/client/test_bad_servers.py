"""Servers that lie, flood, stall, or are not there at all."""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from llmring.exceptions import ConfigurationError, MCPError
from llmring.mcp.client import Limits, MCPConnection, PinStore, listing, session
from tests.llmring.mcp.client.connections import methods, plain, using
from tests.llmring.mcp.client.http_servers import serving


def offer_one(folder: Path, **fields: Any) -> None:
    """Have the server in `folder` offer one tool, which answers with its argument as result."""
    tool = {"name": "raw", "inputSchema": {"type": "object"}, **fields}
    (folder / "tools.json").write_text(json.dumps([tool]))


async def raw(connection: MCPConnection, result: str) -> Any:
    return await connection.call_tool("raw", {"text": result})


@pytest.mark.parametrize(
    "result",
    [
        '{"content": "text"}',
        '{"content": [{"type": "image"}]}',
        '{"content": [{"type": "unheard-of"}]}',
        '{"content": [], "structuredContent": [1]}',
        "[]",
    ],
    ids=["no list", "no data", "unknown kind", "no object", "list"],
)
def test_a_result_that_is_none_is_an_error(tmp_path: Path, result: str) -> None:
    connection = plain(tmp_path, limits=Limits(call_s=1.0))
    with pytest.raises(MCPError, match="tool 'raw'"):
        using(connection, lambda connection: raw(connection, result))


def test_a_result_that_does_not_fit_its_own_schema_is_an_error(tmp_path: Path) -> None:
    schema = {"type": "object", "properties": {"sum": {"type": "number"}}, "required": ["sum"]}
    offer_one(tmp_path, outputSchema=schema)
    result = '{"content": [], "structuredContent": {"sum": "five"}}'
    with pytest.raises(MCPError, match="Invalid structured content"):
        using(plain(tmp_path), lambda connection: raw(connection, result))


def test_a_result_of_four_mib_is_cut_to_one(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> Any:
        return (await connection.call_tool("echo", {"text": "x" * 2**22})).content

    content = using(plain(tmp_path), run)
    assert content.endswith("\n[cut: the first 1048576 of 4194304 bytes]")
    assert len(content) < 2**20 + 100


def test_a_tool_whose_schema_is_too_large_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    offer_one(tmp_path, inputSchema={"type": "object", "description": "x" * 2**16})
    assert using(plain(tmp_path), MCPConnection.tools) == []
    assert "the tool 'raw' is left out: its schema has" in caplog.text


def test_a_long_description_is_cut(tmp_path: Path) -> None:
    offer_one(tmp_path, description="x" * 2**20 + "\x1b")
    (tool,) = using(plain(tmp_path), MCPConnection.tools)
    assert tool.description.endswith("[cut: the first 16384 of 1048579 bytes]")


def test_a_list_without_end_is_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MAX_PAGES", 2)
    with pytest.raises(MCPError, match=r"tools: .*the list has no end"):
        using(plain(tmp_path), MCPConnection.tools)
    assert methods(tmp_path).count("tools/list") == 2


def test_lines_that_are_no_messages_are_passed_over(tmp_path: Path) -> None:
    program = (
        "import runpy, sys\n"
        "print('Welcome!', '[' * 100_000, sep='\\n', flush=True)\n"
        f"sys.argv = ['x', {str(tmp_path)!r}]\n"
        f"runpy.run_path({str(Path(__file__).with_name('plain_server.py'))!r}, run_name='__main__')"
    )
    words = [sys.executable, "-I", "-c", program]
    connection = MCPConnection(words, pins=PinStore(tmp_path / "pins.json"))
    assert len(using(connection, MCPConnection.tools)) == 10


def test_closing_ends_calls_that_wait(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> None:
        call = asyncio.ensure_future(connection.call_tool("never"))
        while "tools/call" not in methods(tmp_path):
            await asyncio.sleep(0.01)
        await connection.close()
        with pytest.raises(MCPError, match="closed"):
            await call

    using(plain(tmp_path), run)


async def stalling(scope: Any, receive: Any, send: Any) -> None:
    """Answers ``initialize``, and leaves all else waiting, the end of the session, too."""
    if scope["type"] != "http":
        return
    message = json.loads((await receive()).get("body") or b"{}")
    if message.get("method") != "initialize":
        while (await receive())["type"] != "http.disconnect":
            continue
        return
    version = message["params"]["protocolVersion"]
    server = {"name": "stalling", "version": "1"}
    result = {"protocolVersion": version, "capabilities": {"tools": {}}, "serverInfo": server}
    headers = [(b"content-type", b"application/json"), (b"mcp-session-id", b"1")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    body = {"jsonrpc": "2.0", "id": message["id"], "result": result}
    await send({"type": "http.response.body", "body": json.dumps(body).encode()})


def test_a_server_that_stalls_holds_neither_calls_nor_the_end(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "_CLOSE_S", 0.2)

    async def run(connection: MCPConnection) -> None:
        with pytest.raises(MCPError, match=r"ping took longer than 0\.2 s"):
            await connection.ping()

    with serving(stalling) as root:
        began = time.monotonic()
        using(MCPConnection(root, limits=Limits(call_s=0.2)), run)
        assert time.monotonic() - began < 3.0


def test_a_missing_sdk_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ConfigurationError, match=r"pip install '\.\[mcp\]'"):
        asyncio.run(MCPConnection(["x"]).connect())
