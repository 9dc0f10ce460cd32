"""What the tests of the lockfile's tools share: a lockfile, and calls of its tools."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from llmring.lockfile import load
from llmring.mcp.server.lockfile import lockfile_tools
from llmring.mcp.tools import Tool, ToolResult

LUNA, TINY = "openai:gpt-6-luna", "local:tiny"
LOCKFILE = """\
# whose it is
version = "1.0"
default_profile = "default"

[[profiles.default.bindings]]
alias = "fast"  # the quick one
models = ["openai:gpt-6-luna", "local:tiny"]

[[profiles.default.bindings]]
alias = "deep"
models = ["anthropic:claude-opus-5-5"]

[[profiles.dev.bindings]]
alias = "assistant"
models = ["local:tiny"]
"""


class Workbench:
    """A lockfile and its tools."""

    def __init__(self, path: Path, text: str | None = LOCKFILE, **options: Any) -> None:
        self.path = path
        if text is not None:
            path.write_text(text)
        tools = lockfile_tools(path, **options)
        self.tools: dict[str, Tool] = {tool.name: tool for tool in tools}

    def call(self, name: str, **arguments: Any) -> ToolResult:
        """A call of a tool."""

        async def called() -> ToolResult:
            return await self.tools[name].run(arguments, None)

        return asyncio.run(called())

    def says(self, name: str, **arguments: Any) -> str:
        """The text that a tool gives."""
        content = self.call(name, **arguments).content
        assert isinstance(content, str)
        return content

    def gives(self, name: str, **arguments: Any) -> dict[str, Any]:
        """What a tool gives as JSON."""
        structured = self.call(name, **arguments).structured
        assert structured is not None
        return structured

    def bound(self, alias: str, profile: str = "default") -> tuple[str, ...] | None:
        """The models of an alias in the file."""
        found = load(self.path).profiles[profile].binding(alias)
        return found.models if found else None
