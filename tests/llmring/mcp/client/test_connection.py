"""Calls of a server that is started here: what comes back, what fails and how it ends."""

from __future__ import annotations

import asyncio
import json
import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import psutil
import pytest

from llmring import background
from llmring.exceptions import MCPError, ToolError
from llmring.mcp.client import Callbacks, Limits, MCPConnection
from llmring.mcp.tools import Progress
from tests.llmring.mcp.client.connections import PATIENCE, heard, methods, offer, plain, using
from tests.llmring.test_background import until

pytestmark = pytest.mark.slow


def programs(folder: Path) -> list[psutil.Process]:
    """The servers of a folder that run, or have not been waited for."""
    return [child for child in psutil.Process().children(recursive=True) if _is_of(folder, child)]


def _is_of(folder: Path, process: psutil.Process) -> bool:
    try:
        return process.status() == psutil.STATUS_ZOMBIE or str(folder) in process.cmdline()
    except psutil.NoSuchProcess:  # it ended meanwhile
        return False


def descriptors() -> int:
    return psutil.Process().num_fds()


def test_a_server_names_itself_without_control_characters(tmp_path: Path) -> None:
    async def info(connection: MCPConnection) -> Any:
        return connection.server_info

    found = using(plain(tmp_path), info)
    assert (found.name, found.version) == ("plain\N{REPLACEMENT CHARACTER}[31m", "1.0")


def test_the_tools_of_all_pages_are_read(tmp_path: Path) -> None:
    tools = using(plain(tmp_path, prefix="mcp_"), MCPConnection.tools)
    assert [tool.name for tool in tools][:2] == ["mcp_echo", "mcp_environment"]
    assert len(tools) == 10
    assert methods(tmp_path).count("tools/list") == 3


def test_a_tool_runs_by_its_run(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> Any:
        echo = (await connection.tools())[0]
        return await echo.run({"text": "hello"}, None)

    assert using(plain(tmp_path), run).content == "hello"


def test_the_tools_are_listed_once_for_many_calls(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> None:
        for _ in range(5):
            await connection.call_tool("echo", {"text": "x"})
            await connection.tools()

    using(plain(tmp_path), run)
    assert methods(tmp_path).count("tools/list") == 3


def test_progress_is_told_in_the_callers_loop(tmp_path: Path) -> None:
    told: list[tuple[Progress, int]] = []

    async def run(connection: MCPConnection) -> None:
        await connection.call_tool(
            "progress", on_progress=lambda p: told.append((p, threading.get_ident()))
        )

    using(plain(tmp_path), run)
    me = threading.get_ident()
    assert told == [(Progress(done, 2.0, "on it"), me) for done in (1.0, 2.0)]


def test_a_cancelled_call_is_cancelled_at_the_server(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> str:
        call = asyncio.ensure_future(connection.call_tool("never"))
        while "tools/call" not in methods(tmp_path):
            await asyncio.sleep(0.01)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        return str((await connection.call_tool("echo", {"text": "still here"})).content)

    assert using(plain(tmp_path), run) == "still here"
    asked = next(m for m in heard(tmp_path) if m.get("method") == "tools/call")
    told = next(m for m in heard(tmp_path) if m.get("method") == "notifications/cancelled")
    assert told["params"]["requestId"] == asked["id"]


def test_a_call_that_takes_too_long_is_cancelled_and_says_so(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> None:
        with pytest.raises(MCPError, match=r"tool 'never' took longer than 0\.2 s"):
            await connection.call_tool("never", timeout_s=0.2)
        await connection.ping()

    using(plain(tmp_path), run)
    assert "notifications/cancelled" in methods(tmp_path)


def test_an_unknown_tool_is_not_asked_for(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> None:
        with pytest.raises(MCPError, match="has no tool 'nothing'"):
            await connection.call_tool("nothing")

    using(plain(tmp_path), run)
    assert "tools/call" not in methods(tmp_path)


def test_a_failing_call_of_a_model_is_a_tool_error(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> None:
        never = {tool.name: tool for tool in await connection.tools()}["never"]
        with pytest.raises(ToolError, match="took longer"):
            await never.run({}, None)

    using(plain(tmp_path, limits=Limits(call_s=0.2)), run)


def test_one_connection_serves_several_loops(tmp_path: Path) -> None:
    connection = plain(tmp_path)
    asyncio.run(connection.connect())
    try:
        for text in ("one", "two"):
            assert asyncio.run(connection.call_tool("echo", {"text": text})).content == text
    finally:
        background.run(connection.close())


def test_a_hundred_calls_at_once_are_told_apart(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> list[Any]:
        calls = [connection.call_tool("echo", {"text": str(i)}) for i in range(100)]
        return [result.content for result in await asyncio.gather(*calls)]

    assert using(plain(tmp_path), run) == [str(i) for i in range(100)]
    assert methods(tmp_path).count("tools/list") == 3


def test_a_dying_server_ends_with_its_last_words(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> None:
        with pytest.raises(MCPError, match=r"(?s)tool 'die'.*first line\ndying: bad \uFFFD\[2J"):
            await connection.call_tool("die", {"text": "bad \x1b[2J"})
        with pytest.raises(MCPError, match=r"ping: .*closed"):
            await connection.ping()
        await connection.connect()
        await connection.ping()

    using(plain(tmp_path), run)


def test_keys_are_cut_out_of_a_servers_last_words(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> str:
        with pytest.raises(MCPError) as caught:
            await connection.call_tool("die", {"text": "token=sk-top-secret"})
        return f"{caught.value!r} {caught.value.details} {connection!r} {connection.address!r}"

    connection = plain(tmp_path, "--api-key", "sk-top-secret")
    assert "sk-top-secret" not in using(connection, run)


def test_a_server_gets_the_variables_of_an_allow_list_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    monkeypatch.setenv("LANG", "C.UTF-8")

    async def run(connection: MCPConnection) -> Any:
        return json.loads(str((await connection.call_tool("environment")).content))

    found = using(plain(tmp_path), run)
    assert found["LANG"] == "C.UTF-8"
    assert "PATH" in found
    assert "OPENAI_API_KEY" not in found


def test_a_program_that_is_not_there_is_named(tmp_path: Path) -> None:
    connection = MCPConnection(["no-such-program-here"], limits=PATIENCE)
    with pytest.raises(MCPError, match=r"cannot be connected: no such program.*no-such-program"):
        asyncio.run(connection.connect())


def test_a_program_that_is_no_server_is_told_with_its_words(tmp_path: Path) -> None:
    program = "import sys; print('no such database', file=sys.stderr); sys.exit(1)"
    connection = MCPConnection([sys.executable, "-I", "-c", program], limits=PATIENCE)
    with pytest.raises(MCPError, match=r"(?s)cannot be connected: .*no such database"):
        asyncio.run(connection.connect())


def test_a_server_that_never_answers_is_ended_after_the_deadline(tmp_path: Path) -> None:
    connection = plain(tmp_path, "--silent", limits=Limits(connect_s=0.3))
    with pytest.raises(MCPError, match=r"did not answer within 0\.3 s"):
        asyncio.run(connection.connect())
    assert programs(tmp_path) == []


def test_a_cancelled_connect_leaves_no_program(tmp_path: Path) -> None:
    async def run() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.3):
                await plain(tmp_path, "--silent").connect()

    asyncio.run(run())
    assert until(lambda: programs(tmp_path) == [])


def test_using_a_connection_that_is_not_open_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MCPError, match="is not connected"):
        asyncio.run(plain(tmp_path).tools())


def test_closing_ends_the_program_and_frees_all_descriptors(tmp_path: Path) -> None:
    using(plain(tmp_path), MCPConnection.ping)
    before = descriptors()
    for _ in range(3):
        using(plain(tmp_path), MCPConnection.ping)
    assert until(lambda: descriptors() <= before and programs(tmp_path) == [])


def test_a_program_that_will_not_end_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import mcp.client.stdio

    for wait in ("PROCESS_TERMINATION_TIMEOUT", "FORCE_KILL_TIMEOUT"):
        monkeypatch.setattr(mcp.client.stdio, wait, 0.1)
    using(plain(tmp_path, "--stubborn"), MCPConnection.ping)
    assert programs(tmp_path) == []


@pytest.mark.slow
def test_servers_end_when_this_process_is_killed(tmp_path: Path) -> None:
    program = (
        "import asyncio, sys, pathlib\n"
        "from tests.llmring.mcp.client.connections import plain\n"
        "async def main():\n"
        f"    await plain(pathlib.Path({str(tmp_path)!r})).connect()\n"
        "    print('up', flush=True)\n"
        "    await asyncio.sleep(600)\n"
        "asyncio.run(main())\n"
    )
    root = Path(__file__).parents[4]
    with subprocess.Popen([sys.executable, "-c", program], cwd=root, stdout=-1) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == b"up\n"
        server = psutil.Process(process.pid).children()[0]
        process.send_signal(signal.SIGKILL)
    server.wait(timeout=20)


def test_a_forked_child_is_told_to_connect_anew(tmp_path: Path) -> None:
    async def run(connection: MCPConnection) -> None:
        connection._process = os.getpid() + 1  # as the child of a fork sees it
        with pytest.raises(MCPError, match="connect anew"):
            await connection.ping()
        connection._process = os.getpid()

    using(plain(tmp_path), run)


def test_a_servers_log_goes_to_ours_without_control_characters(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def run(connection: MCPConnection) -> None:
        await connection.call_tool("log", {"text": "low\x1b[2J disk"})

    using(plain(tmp_path), run)
    assert until(lambda: any("disk" in record.getMessage() for record in caplog.records))
    record = next(record for record in caplog.records if "disk" in record.getMessage())
    assert (record.name, record.levelno) == ("llmring.mcp", logging.WARNING)
    assert "\x1b" not in record.getMessage()


SAMPLING = {
    "method": "sampling/createMessage",
    "params": {
        "messages": [{"role": "user", "content": {"type": "text", "text": "Hi"}}],
        "maxTokens": 5,
    },
}
ELICITATION = {
    "method": "elicitation/create",
    "params": {"message": "Name?", "requestedSchema": {"type": "object", "properties": {}}},
}
ROOTS = {"method": "roots/list"}


async def ask(connection: MCPConnection, question: dict[str, Any]) -> Any:
    answer = await connection.call_tool("ask", {"text": json.dumps(question)})
    return json.loads(str(answer.content))


@pytest.mark.parametrize(
    "question", [SAMPLING, ELICITATION, ROOTS], ids=lambda question: question["method"]
)
def test_what_a_server_wants_of_us_is_refused(tmp_path: Path, question: dict[str, Any]) -> None:
    answer = using(plain(tmp_path), lambda connection: ask(connection, question))
    assert "not supported" in answer["error"]["message"]
    begun = next(m for m in heard(tmp_path) if m.get("method") == "initialize")
    assert begun["params"]["capabilities"] == {}


def test_a_callback_answers_in_the_loop_of_the_connection(tmp_path: Path) -> None:
    asked: list[tuple[str, int]] = []

    async def elicit(params: dict[str, Any]) -> dict[str, Any]:
        asked.append((params["message"], threading.get_ident()))
        return {"action": "accept", "content": {"name": "Ada"}}

    connection = plain(tmp_path, callbacks=Callbacks(elicitation=elicit))
    answer = using(connection, lambda connection: ask(connection, ELICITATION))
    assert answer["result"] == {"action": "accept", "content": {"name": "Ada"}}
    assert asked == [("Name?", threading.get_ident())]


def test_a_callback_whose_loop_has_ended_refuses(tmp_path: Path) -> None:
    async def answer(_: dict[str, Any]) -> None:
        raise AssertionError

    connection = plain(tmp_path, callbacks=Callbacks(elicitation=answer))
    asyncio.run(connection.connect())
    told = asyncio.run(ask(connection, ELICITATION))
    asyncio.run(connection.close())
    assert "has ended" in told["error"]["message"]


def test_a_callback_may_refuse(tmp_path: Path) -> None:
    async def refuse(params: dict[str, Any]) -> None:
        assert params["maxTokens"] == 5

    connection = plain(tmp_path, callbacks=Callbacks(sampling=refuse))
    answer = using(connection, lambda connection: ask(connection, SAMPLING))
    assert answer["error"]["message"] == "refused by the user"


def test_roots_are_told_where_they_are_given(tmp_path: Path) -> None:
    connection = plain(tmp_path, callbacks=Callbacks(roots=["file:///srv/data"]))
    answer = using(connection, lambda connection: ask(connection, ROOTS))
    assert answer["result"] == {"roots": [{"uri": "file:///srv/data"}]}


@pytest.mark.parametrize(
    ("options", "protocol"),
    [([], "2025-11-25"), (["--modern"], "2026-07-28")],
    ids=["handshake", "discovery"],
)
def test_a_changed_list_is_read_again(tmp_path: Path, options: list[str], protocol: str) -> None:
    listed = offer(tmp_path, echo="Echoes.", change="Changes.")
    connection = plain(tmp_path, *options)

    async def run(connection: MCPConnection) -> list[str]:
        assert connection.server_info is not None
        assert connection.server_info.protocol == protocol
        await connection.ping()
        await connection.tools()
        shorter = json.dumps([tool for tool in json.loads(listed) if tool["name"] == "change"])
        await connection.call_tool("change", {"text": shorter})
        async with asyncio.timeout(10):
            while len(tools := await connection.tools()) == 2:
                await asyncio.sleep(0.01)
        return [tool.name for tool in tools]

    assert using(connection, run) == ["change"]
    assert [(change.tool, change.kind) for change in connection.changes] == [("echo", "removed")]
