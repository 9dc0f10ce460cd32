"""The guide's sample of MCP runs as it stands: a model calls the tools of a server."""

from __future__ import annotations

import asyncio
import sys
from pathlib import Path

import pytest

from tests.llmring.mcp.client.connections import PLAIN
from tests.llmring.mcp.turns import Said, told
from tests.llmring.seeds.world import GUIDE, World, run

pytestmark = pytest.mark.slow

SAMPLE = "MCP Integration"
RUN = {SAMPLE}


@pytest.fixture
def server(world: World, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A server where the sample has it."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    path = Path("path/to/mcp/server")
    path.parent.mkdir(parents=True)
    path.write_text(f"#!{sys.executable}\n{PLAIN.read_text()}")
    path.chmod(0o700)
    return path


@pytest.mark.usefixtures("server")
def test_the_sample_has_the_model_call_the_servers_tools(world: World) -> None:
    world.server.scripts = (Said(calls=[("mcp_echo", {"text": "Hello!"})]), Said("I helped."))
    variables = run(GUIDE[SAMPLE])
    asyncio.run(variables.llm.close())
    assert variables.response.content == "I helped."
    assert told(variables.response) == ["Hello!"]
    assert world.models() == ["anthropic:claude-haiku-5-5"] * 2
