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
from llmring.mcp.client import (
    Limits,
    MCPConnection,
    PinStore,
    incoming,
    lines,
    listing,
    pins,
    session,
    transports,
)
from tests.llmring.mcp.client.connections import methods, plain, using
from tests.llmring.mcp.client.http_servers import serving

pytestmark = pytest.mark.slow


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


def test_a_list_of_too_many_bytes_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "MAX_LIST_BYTES", 600)
    with pytest.raises(MCPError, match="the list has more than 600 bytes"):
        using(plain(tmp_path), MCPConnection.tools)


def test_a_tool_whose_name_is_too_long_is_left_out_and_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    offer_one(tmp_path, name="n" * 1025)
    assert using(plain(tmp_path), MCPConnection.tools) == []
    assert "a tool is left out: its name has 1025 characters" in caplog.text


def test_a_server_does_not_fill_the_file_of_approved_tools(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    using(plain(tmp_path), MCPConnection.tools)
    before = (tmp_path / "pins.json").read_bytes()
    monkeypatch.setattr(pins, "MAX_SERVER_BYTES", 1000)
    with pytest.raises(MCPError, match="offers more tools than can be kept"):
        using(plain(tmp_path, "another"), MCPConnection.tools)
    assert (tmp_path / "pins.json").read_bytes() == before


def test_a_file_of_approved_tools_never_grows_beyond_what_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pins, "MAX_FILE_BYTES", 1000)
    with pytest.raises(MCPError, match=r"would be larger than 1,000 bytes; delete it"):
        using(plain(tmp_path), MCPConnection.tools)
    assert not (tmp_path / "pins.json").exists()


def test_a_line_without_end_ends_the_connection(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 2**16)

    async def run(connection: MCPConnection) -> None:
        for _ in range(2):
            with pytest.raises(MCPError, match="it wrote a line of more than 65536 bytes"):
                await connection.call_tool("echo", {"text": "x" * 2**16})

    using(plain(tmp_path), run)


def test_a_first_line_without_end_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lines, "MAX_LINE_BYTES", 50)
    with pytest.raises(MCPError, match=r"cannot be connected: .* a line of more than 50 bytes"):
        using(plain(tmp_path), MCPConnection.ping)


def test_an_answer_of_too_many_objects_is_an_error_and_the_next_one_is_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(incoming, "MAX_CONTAINERS", 100)
    block = {"type": "text", "text": "x"}

    async def run(connection: MCPConnection) -> Any:
        with pytest.raises(MCPError, match="more than 100 lists and objects"):
            await raw(connection, json.dumps({"content": [block] * 100}))
        return (await raw(connection, json.dumps({"content": [block] * 90}))).content

    assert using(plain(tmp_path), run) == "\n".join("x" * 90)


def test_half_an_emoji_does_not_cost_the_answer(tmp_path: Path) -> None:
    result = r'{"content": [{"type": "text", "text": "cut \ud83d"}]}'
    told = using(plain(tmp_path), lambda connection: raw(connection, result))
    assert told.content == "cut \ufffd"


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
        assert time.monotonic() - began < 9  # it never answers


async def ending(scope: Any, receive: Any, send: Any) -> None:
    """Ends each stream of its own messages at once, and asks for the next one without a pause."""
    if scope["type"] != "http" or scope["method"] != "GET":
        await stalling(scope, receive, send)
        return
    ending.n_streams += 1  # type: ignore[attr-defined]  # counts as a function's own
    headers = [(b"content-type", b"text/event-stream")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"retry: 0\r\n\r\n"})


def test_streams_that_end_at_once_are_not_opened_all_the_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(session, "_CLOSE_S", 0.2)
    monkeypatch.setattr(transports, "STREAM_PAUSE_S", 0.1)
    ending.n_streams = 0  # type: ignore[attr-defined]

    async def run(_: MCPConnection) -> None:
        async with asyncio.timeout(20):
            while ending.n_streams < 5:  # type: ignore[attr-defined]
                await asyncio.sleep(0.01)

    with serving(ending) as root:
        began = time.monotonic()
        using(MCPConnection(root), run)
        assert time.monotonic() - began > 0.35  # four pauses; else it takes some 0.03 s


def test_a_missing_sdk_is_named_with_what_brings_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mcp", None)
    with pytest.raises(ConfigurationError, match=r"pip install '\.\[mcp\]'"):
        asyncio.run(MCPConnection(["x"]).connect())
