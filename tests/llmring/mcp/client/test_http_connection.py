"""Calls of a server of the SDK's over streamable HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from mcp.server.mcpserver import Context, MCPServer
from mcp.server.mcpserver.exceptions import ToolError

from LLM.secrets import Secret
from llmring.exceptions import MCPError
from llmring.mcp.client import Limits, MCPConnection, PinStore, ServerAddress
from llmring.mcp.tools import Progress
from tests.llmring.mcp.client.connections import PATIENCE, using
from tests.llmring.mcp.client.http_servers import Noting, serving

pytestmark = pytest.mark.slow

KEY = "sk-very-secret-0123"


def server() -> MCPServer:
    made = MCPServer("calculator", version="2.0", instructions="Ask for sums.")

    @made.tool()
    def add(a: int, b: int) -> int:
        """Add two numbers."""
        return a + b

    @made.tool()
    def fail() -> str:
        """Fail."""
        raise ToolError("no luck")

    @made.tool()
    async def count(ctx: Context[Any, Any]) -> str:
        """Count to three."""
        for done in range(3):
            await ctx.report_progress(done + 1, 3, "counting")
        return "three"

    @made.tool()
    async def wait() -> str:
        """Wait for ever."""
        cancelled.clear()
        try:
            await asyncio.sleep(3600)
        finally:
            cancelled.append(True)
        return "never"

    @made.resource("notes://today")
    def today() -> str:
        """What is to be done today."""
        return "buy milk"

    @made.resource("notes://{day}")
    def other(day: str) -> str:
        """What is to be done on a day."""
        return f"nothing on {day}"

    @made.prompt()
    def greet(who: str) -> str:
        """Greet somebody."""
        return f"Greet {who}."

    return made


cancelled: list[bool] = []


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Noting]]:
    """The server's address, and what it was asked."""
    app = Noting(server().streamable_http_app())
    with serving(app) as root:
        yield f"{root}/mcp", app


@pytest.fixture
def connection(served: tuple[str, Noting], tmp_path: Path) -> MCPConnection:
    """A connection, not yet open, which sends a key."""
    address = ServerAddress(
        "calculator", url=served[0], headers={"Authorization": Secret(f"Bearer {KEY}")}
    )
    return MCPConnection(address, pins=PinStore(tmp_path / "pins.json"), limits=PATIENCE)


def test_tools_are_called(connection: MCPConnection) -> None:
    async def run(connection: MCPConnection) -> Any:
        info = connection.server_info
        assert info is not None
        result = await connection.call_tool("add", {"a": 2, "b": 3})
        return info.name, info.version, connection.instructions, result.content, result.structured

    expected = ("calculator", "2.0", "Ask for sums.", "5", {"result": 5})
    assert using(connection, run) == expected


def test_a_tool_that_fails_says_so_in_its_result(connection: MCPConnection) -> None:
    result = using(connection, lambda connection: connection.call_tool("fail"))
    assert result.is_error
    assert "no luck" in result.content


def test_progress_is_handed_on(connection: MCPConnection) -> None:
    told: list[Progress] = []
    using(connection, lambda c: c.call_tool("count", on_progress=told.append))
    assert told == [Progress(done, 3.0, "counting") for done in (1.0, 2.0, 3.0)]


def test_cancelling_ends_the_work_at_the_server(connection: MCPConnection) -> None:
    async def run(connection: MCPConnection) -> None:
        with pytest.raises(MCPError, match="took longer"):
            await connection.call_tool("wait", timeout_s=1.0)
        while not cancelled:
            await asyncio.sleep(0.01)

    using(connection, run)
    assert cancelled == [True]


def test_resources_are_listed_and_read(connection: MCPConnection) -> None:
    async def run(connection: MCPConnection) -> Any:
        listed = await connection.resources()
        templates = await connection.resource_templates()
        held = [await connection.read_resource(f"notes://{day}") for day in ("today", "sunday")]
        return listed[0].uri, templates[0].uri_template, [contents.text for (contents,) in held]

    expected = ("notes://today", "notes://{day}", ["buy milk", "nothing on sunday"])
    assert using(connection, run) == expected


def test_prompts_are_listed_and_filled(connection: MCPConnection) -> None:
    async def run(connection: MCPConnection) -> Any:
        (prompt,) = await connection.prompts()
        (message,) = await connection.get_prompt(prompt.name, {"who": "Ada"})
        return prompt.arguments[0].name, prompt.arguments[0].required, message.content

    assert using(connection, run) == ("who", True, "Greet Ada.")


@pytest.mark.parametrize(
    "question",
    [lambda c: c.read_resource("other://x"), lambda c: c.get_prompt("greet", {})],
    ids=["resource", "prompt"],
)
def test_what_the_server_refuses_is_an_error(connection: MCPConnection, question: Any) -> None:
    with pytest.raises(MCPError, match=r"MCP server http://127\.0\.0\.1"):
        using(connection, question)


def test_headers_go_with_each_request_and_the_session_is_ended(
    connection: MCPConnection, served: tuple[str, Noting], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    requests = served[1].requests
    requests.clear()
    using(connection, MCPConnection.ping)
    assert KEY not in caplog.text
    assert {headers["authorization"] for _, headers in requests} == {f"Bearer {KEY}"}
    assert {headers["accept-encoding"] for _, headers in requests} == {"identity"}
    assert [method for method, _ in requests][-1] == "DELETE"


def test_a_call_at_a_time_from_a_new_loop_each(connection: MCPConnection) -> None:
    asyncio.run(connection.connect())
    for a in range(3):
        assert asyncio.run(connection.call_tool("add", {"a": a, "b": 1})).content == str(a + 1)
    asyncio.run(connection.close())


@pytest.mark.parametrize("status", [401, 403, 500])
def test_a_refusal_tells_its_status_and_no_key(
    status: int, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    with serving(Noting(server().streamable_http_app(), status)) as root:
        connection = MCPConnection(
            ServerAddress("x", url=f"{root}/mcp", headers={"X-Key": Secret(KEY)}), limits=PATIENCE
        )
        with pytest.raises(MCPError, match=f"HTTP {status}") as caught:
            asyncio.run(connection.connect())
    assert caught.value.status_code == status
    assert KEY not in f"{caught.value!r}{caught.value.__cause__!r}{caplog.text}{connection!r}"


def test_a_redirect_to_another_host_is_not_followed(
    connection: MCPConnection, served: tuple[str, Noting]
) -> None:
    there = served[0].replace("127.0.0.1", "localhost")
    served[1].requests.clear()
    with serving(Noting(None, 307, {"location": there})) as root:
        address = ServerAddress("x", url=f"{root}/mcp", headers={"X-Key": Secret(KEY)})
        with pytest.raises(MCPError, match="not followed"):
            asyncio.run(MCPConnection(address, limits=PATIENCE).connect())
    assert served[1].requests == []


def test_a_server_that_goes_away_is_an_error(tmp_path: Path) -> None:
    pins = PinStore(tmp_path / "pins.json")

    async def call(connection: MCPConnection) -> Any:
        return (await connection.call_tool("add", {"a": 1, "b": 1})).content

    with serving(server().streamable_http_app()) as root:
        connection = MCPConnection(f"{root}/mcp", pins=pins, limits=Limits(call_s=5.0))
        asyncio.run(connection.connect())
    with pytest.raises(MCPError, match=r"tools: (ConnectError|ReadError|Connection closed)"):
        asyncio.run(call(connection))
    asyncio.run(connection.close())


def test_a_port_that_nobody_listens_on_is_an_error() -> None:
    connection = MCPConnection("http://127.0.0.1:9/mcp", limits=PATIENCE)
    with pytest.raises(MCPError, match=r"cannot be connected: ConnectError"):
        asyncio.run(connection.connect())


async def bomb(scope: Any, receive: Any, send: Any) -> None:
    """An answer of JSON without end, 40 MiB of it."""
    if scope["type"] == "lifespan":
        return
    start = {"type": "http.response.start", "status": 200}
    await send({**start, "headers": [(b"content-type", b"application/json")]})
    for _ in range(40):
        await send({"type": "http.response.body", "body": b"[" * 2**20, "more_body": True})
    await send({"type": "http.response.body", "body": b""})


def test_an_answer_without_end_is_cut_off() -> None:
    with serving(bomb) as root, pytest.raises(MCPError, match="larger than 33554432 bytes"):
        asyncio.run(MCPConnection(f"{root}/mcp", limits=PATIENCE).connect())


async def compressed(scope: Any, receive: Any, send: Any) -> None:
    """An answer that is compressed though nobody asked for it."""
    headers = [(b"content-type", b"application/json"), (b"content-encoding", b"gzip")]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": b"\x1f\x8b"})


def test_a_compressed_answer_is_refused() -> None:
    with serving(compressed) as root, pytest.raises(MCPError, match="compressed"):
        asyncio.run(MCPConnection(f"{root}/mcp", limits=PATIENCE).connect())
