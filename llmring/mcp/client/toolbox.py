"""The tools that a model may call: functions of this program, and those of MCP servers."""

from __future__ import annotations

import logging
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import Any, Protocol

from pydantic_core import to_json

from cloud.llm.json_schemas.check import check_schema
from LLM.exceptions import InvalidRequestError
from llmring.exceptions import ToolError
from llmring.mcp.client.functions import tool_of
from llmring.mcp.tools import Tool
from llmring.structured.arguments import argument_check

_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}")
_MAX_NAME = 64
#: Most of a schema that is told as text, in characters.
_MAX_SCHEMA_CHARS = 4000

_logger = logging.getLogger("llmring.tools")


class ToolSource(Protocol):
    """What offers tools, such as an `MCPConnection`."""

    async def tools(self) -> Sequence[Tool]:
        """The tools as they are now.

        :raises LLMRingError: they cannot be read.
        """
        ...

    async def close(self) -> None:
        """Free what the source holds."""
        ...


class Toolbox:
    """Tools by name.

    :param sources: asked for their tools before each turn.
    """

    def __init__(self, sources: Iterable[ToolSource] = ()) -> None:
        self.sources = list(sources)
        self._own: dict[str, Tool] = {}
        self._theirs: list[Tool] = []

    def register(
        self,
        tool: Callable[..., Any] | Tool,
        name: str | None = None,
        description: str | None = None,
        parameters: dict[str, Any] | None = None,
    ) -> Tool:
        """Add a tool; see `EnhancedLLM.register_tool`."""
        if isinstance(tool, Tool):
            made = replace(
                tool,
                name=name or tool.name,
                description=tool.description if description is None else description,
                parameters=tool.parameters if parameters is None else parameters,
            )
        else:
            made = tool_of(tool, name, description, parameters)
        if not _NAME.fullmatch(made.name):
            raise ToolError(
                f"a tool cannot be named {made.name!r}; give 1 to 64 letters, digits, '_' and '-'"
            )
        if made.name in self._own:
            raise ToolError(f"there is a tool {made.name!r} already; unregister_tool() it first")
        if made.parameters.get("type") != "object":
            raise ToolError(
                f"parameters of the tool {made.name!r} are not of type 'object'; give the JSON "
                "schema of an object"
            )
        try:
            argument_check(made.parameters)
        except InvalidRequestError as err:
            raise ToolError(
                f"parameters of the tool {made.name!r} are no schema that can be checked: "
                f"{err.message}",
                err,
            ) from err
        self._own[made.name] = made
        return made

    def unregister(self, name: str) -> bool:
        """Take a registered tool out. :return: whether it was there."""
        return self._own.pop(name, None) is not None

    def known(self) -> dict[str, Tool]:
        """The tools by name; those of sources as they were when they were last asked.

        Where two have one name, a registered one keeps it, then the first source's; the others get
        a number behind it.
        """
        tools = dict(self._own)
        for tool in self._theirs:
            name = _free(tool.name, tools)
            tools[name] = tool if name == tool.name else replace(tool, name=name)
        return tools

    async def current(self) -> dict[str, Tool]:
        """The tools by name, as they are now.

        :raises LLMRingError: a source cannot be asked.
        """
        self._theirs = [_usable(tool) for source in self.sources for tool in await source.tools()]
        return self.known()


def _usable(tool: Tool) -> Tool:
    """A server's tool, under a schema that providers take.

    They refuse the whole request where one schema is in an older dialect, or is none. In its place
    stands the bare list of arguments, and the schema as text; the server checks what it is given.
    """
    try:
        check_schema(tool.parameters)
    except InvalidRequestError as err:
        _logger.warning("the schema of the tool %s cannot be used: %s", tool.name, err.message)
        return replace(tool, parameters=_bare(tool.parameters))
    return tool


def _bare(parameters: dict[str, Any]) -> dict[str, Any]:
    properties, required = parameters.get("properties"), parameters.get("required")
    names = list(properties) if isinstance(properties, dict) else []
    text = to_json(parameters).decode()[:_MAX_SCHEMA_CHARS]
    return {
        "type": "object",
        "description": f"The arguments have this schema: {text}",
        "properties": {name: {} for name in names},
        "required": [name for name in names if isinstance(required, list) and name in required],
    }


def _free(name: str, taken: dict[str, Tool]) -> str:
    """The name, or one like it, that no other tool has."""
    found, number = name, 2
    while found in taken:
        suffix = f"_{number}"
        found, number = f"{name[: _MAX_NAME - len(suffix)]}{suffix}", number + 1
    return found
