"""Servers that nobody here wrote: the protocol's reference servers, on node."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from llmring.exceptions import MCPError
from llmring.mcp.client import Callbacks, MCPConnection, PinStore
from llmring.mcp.tools import Progress
from tests.llmring.mcp.client.connections import PATIENCE, using
from tests.llmring.mcp.client.reference_servers import everything_over_http, installed
from tests.llmring.test_background import until

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def programs() -> Path:
    """The folder of the servers' programs."""
    return installed()


@pytest.fixture(scope="module")
def over_http(programs: Path) -> Iterator[str]:
    """The address of the server that has everything."""
    with everything_over_http(programs) as url:
        yield url


@pytest.fixture(params=["stdio", "http"])
def everything(request: pytest.FixtureRequest, programs: Path) -> Any:
    """Where the server that has everything is, either way."""
    if request.param == "http":
        return request.getfixturevalue("over_http")
    return [str(programs / "mcp-server-everything")]


def connection(where: Any, folder: Path, **settings: Any) -> MCPConnection:
    pins = PinStore(folder / "pins.json")
    return MCPConnection(where, pins=pins, limits=PATIENCE, **settings)


def test_files_are_written_and_read_and_others_refused(programs: Path, tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    path = str(tmp_path / "files" / "note.txt")

    async def run(files: MCPConnection) -> tuple[Any, Any, Any]:
        tools = {tool.name: tool for tool in await files.tools()}
        assert {"read_text_file", "write_file", "directory_tree"} <= set(tools)
        await tools["write_file"].run({"path": path, "content": "buy milk"}, None)
        read = await tools["read_text_file"].run({"path": path}, None)
        return read, *[
            await files.call_tool("read_text_file", {"path": other})
            for other in ("/etc/passwd", str(tmp_path / "files" / ".." / "pins.json"))
        ]

    where = [str(programs / "mcp-server-filesystem"), str(tmp_path / "files")]
    mine, *others = using(connection(where, tmp_path), run)
    assert (mine.content, mine.is_error) == ("buy milk", False)
    assert all(other.is_error and "outside allowed" in other.content for other in others)
    assert Path(path).read_text() == "buy milk"


def test_a_graph_is_remembered_from_one_connection_to_the_next(
    programs: Path, tmp_path: Path
) -> None:
    config = {
        "command": str(programs / "mcp-server-memory"),
        "env": {"MEMORY_FILE_PATH": str(tmp_path / "memory.json")},
    }
    (tmp_path / "mcp.json").write_text(json.dumps({"mcpServers": {"memory": config}}))
    ada = {"name": "Ada", "entityType": "person", "observations": ["writes programs"]}

    async def write(memory: MCPConnection) -> None:
        await memory.call_tool("create_entities", {"entities": [ada]})

    async def read(memory: MCPConnection) -> Any:
        return (await memory.call_tool("read_graph")).structured

    using(connection(tmp_path / "mcp.json", tmp_path), write)
    graph = using(connection(tmp_path / "mcp.json", tmp_path), read)
    assert graph == {"entities": [ada], "relations": []}


def test_every_kind_of_content_arrives(everything: Any, tmp_path: Path) -> None:
    async def run(server: MCPConnection) -> Any:
        image = await server.call_tool("get-tiny-image")
        weather = await server.call_tool("get-structured-content", {"location": "New York"})
        reference = {"resourceType": "Text", "resourceId": 1}
        resource = await server.call_tool("get-resource-reference", reference)
        return image.content, weather.structured, resource.content

    image, weather, resource = using(connection(everything, tmp_path), run)
    assert image[1]["image_url"]["url"].startswith("data:image/png;base64,")
    assert set(weather) == {"temperature", "conditions", "humidity"}
    assert "Resource 1: This is a plaintext resource" in resource


def test_progress_and_cancellation(everything: Any, tmp_path: Path) -> None:
    told: list[Progress] = []

    async def run(server: MCPConnection) -> None:
        work = {"duration": 0.2, "steps": 2}
        name = "trigger-long-running-operation"
        await server.call_tool(name, work, on_progress=told.append)
        with pytest.raises(MCPError, match="took longer than"):
            await server.call_tool(name, {"duration": 60, "steps": 2}, timeout_s=0.2)
        await server.ping()

    using(connection(everything, tmp_path), run)
    assert [(progress.done, progress.total) for progress in told] == [(1.0, 2.0), (2.0, 2.0)]


def test_resources_and_prompts_are_listed_and_read(everything: Any, tmp_path: Path) -> None:
    async def run(server: MCPConnection) -> Any:
        templates = [template.uri_template for template in await server.resource_templates()]
        assert "demo://resource/dynamic/blob/{resourceId}" in templates
        assert "demo://resource/static/document/architecture.md" in [
            resource.uri for resource in await server.resources()
        ]
        (text,) = await server.read_resource("demo://resource/dynamic/text/1")
        (blob,) = await server.read_resource("demo://resource/dynamic/blob/1")
        assert "args-prompt" in [prompt.name for prompt in await server.prompts()]
        (message,) = await server.get_prompt("args-prompt", {"city": "Oslo", "state": "none"})
        return text.text, blob.data, message.content

    text, blob, message = using(connection(everything, tmp_path), run)
    assert "plaintext resource" in text
    assert b"base64 blob" in blob
    assert "Oslo" in message


def test_a_server_may_ask_a_model_and_the_user(everything: Any, tmp_path: Path) -> None:
    async def sample(params: dict[str, Any]) -> dict[str, Any]:
        said = params["messages"][0]["content"]["text"]
        content = {"type": "text", "text": f"answer to {said}"}
        return {"role": "assistant", "model": "tiny", "content": content}

    async def refuse(params: dict[str, Any]) -> dict[str, Any]:
        assert params["requestedSchema"]["type"] == "object"
        return {"action": "decline"}

    async def run(server: MCPConnection) -> Any:
        # The server offers these once it knows what it may ask.
        while "trigger-elicitation-request" not in [tool.name for tool in await server.tools()]:
            await asyncio.sleep(0.01)
        sampled = await server.call_tool("trigger-sampling-request", {"prompt": "hello"})
        asked = await server.call_tool("trigger-elicitation-request")
        return sampled.content, asked.content

    callbacks = Callbacks(sampling=sample, elicitation=refuse)
    server = connection(everything, tmp_path, callbacks=callbacks, on_change=lambda change: True)
    sampled, asked = using(server, run)
    assert "answer to " in sampled
    assert "hello" in sampled
    assert "declined" in asked


def test_nothing_of_our_environment_but_the_allowed_reaches_a_server(
    programs: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-ours")
    where = [str(programs / "mcp-server-everything")]
    result = using(connection(where, tmp_path), lambda server: server.call_tool("get-env"))
    assert "sk-ours" not in result.content
    assert '"PATH"' in result.content


def test_programs_end_with_their_connections(programs: Path, tmp_path: Path) -> None:
    before = set(psutil.Process().children(recursive=True))
    where = [str(programs / "mcp-server-everything")]
    using(connection(where, tmp_path), MCPConnection.ping)
    assert until(lambda: before.issuperset(psutil.Process().children(recursive=True)))
