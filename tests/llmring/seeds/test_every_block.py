"""Every block of the guide and of the reference is run, or it is said why it is not."""

from __future__ import annotations

from tests.llmring.seeds import (
    test_api_reference,
    test_file_samples,
    test_guide,
    test_libraries,
    test_lockfiles,
    test_mcp,
    test_server_samples,
    test_shell,
)
from tests.llmring.seeds.world import GUIDE, REFERENCE

_MCP = "MCP is not there yet"

#: Blocks of the guide that no test runs, each with the reason.
NOT_RUN = {
    "1. Install": "installs the package of that name from the registry",
    "3. Create a lockfile: lock chat": _MCP,
    "Conversational Setup": _MCP,
    "Real-time Audio/Video Streaming": "calls OpenAI's SDK alone, over a WebSocket",
    "OpenAI Agents SDK": "there is no package openai_agents (the SDK's is called agents)",
    "Packaging Lockfiles: pyproject.toml": "settings of a build tool",
    "Packaging Lockfiles: MANIFEST.in": "settings of a build tool",
    "Dependencies": "installs packages, and is no Python",
    "Claude Code Skills": "commands of another program",
    "Development": "of another repository",
}


def test_every_block_of_the_guide_is_run_or_excused() -> None:
    run = test_guide.RUN | test_libraries.RUN | test_lockfiles.RUN | test_shell.RUN | test_mcp.RUN
    run |= test_file_samples.RUN | test_server_samples.RUN
    assert run | set(NOT_RUN) == set(GUIDE)
    assert run & set(NOT_RUN) == set()


def test_every_block_of_the_reference_is_run() -> None:
    run = test_api_reference.RUN | test_file_samples.REFERENCE_RUN
    run |= test_server_samples.REFERENCE_RUN
    assert run == set(REFERENCE)
