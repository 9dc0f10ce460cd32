"""The /commands about tools: what there is, and calling one by hand."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from LLM.exceptions import LLMConfigError
from llmring.cli.terminal_chat.screen import first_line
from llmring.cli.terminal_chat.session import Session
from llmring.cli.terminal_chat.work import result
from llmring.conversations.contents import shown_text
from llmring.mcp.tools import Tool, ToolResult
from llmring.structured.arguments import argument_check
from local_llm_kit.cli.lines import Lines
from local_llm_kit.cli.tables import table


def tools(session: Session, argument: str, _lines: Lines) -> str:
    """List the tools, or say what one does."""
    found = session.tools()
    if argument:
        tool = _named(found, argument)
        arguments = "".join(f"\n  {line}" for line in _argument_lines(tool))
        source = f"\nruns at {tool.source}" if tool.source else ""
        return f"{tool.name}: {tool.description}{source}{arguments}"
    if not found:
        return "there are no tools; /connect SERVER connects to a server that has some"
    rows = [(tool.name, first_line(tool.description)[:80]) for tool in found]
    return "\n".join(table(("TOOL", "WHAT IT DOES"), rows))


def call(session: Session, argument: str, _lines: Lines) -> str:
    """Call a tool by hand; the model is not told."""
    try:
        words = shlex.split(argument)
    except ValueError as err:
        raise LLMConfigError(f"{argument!r} cannot be split into words: {err}") from None
    if not words:
        raise LLMConfigError("/call needs a tool: /call TOOL NAME=VALUE …; /tools lists them")
    name, *given = words
    tool = _named(session.tools(), name)
    arguments = _arguments(tool, given)
    if problem := argument_check(tool.parameters)(arguments):
        raise LLMConfigError(f"{name}: {problem}; /tools {name} shows its arguments")
    told: ToolResult = result(partial(tool.run, arguments, None))
    text = shown_text(told.content)
    return f"failed: {text}" if told.is_error else text


def _named(found: Sequence[Tool], name: str) -> Tool:
    for tool in found:
        if tool.name == name:
            return tool
    raise LLMConfigError(f"there is no tool {name!r}; /tools lists them")


def _argument_lines(tool: Tool) -> list[str]:
    required = tool.parameters.get("required", ())
    return [
        f"{name if name in required else f'[{name}]'}: {schema.get('description', '')}"
        for name, schema in tool.parameters.get("properties", {}).items()
        if isinstance(schema, Mapping)
    ]


def _arguments(tool: Tool, given: Sequence[str]) -> dict[str, Any]:
    """The arguments of ``NAME=VALUE`` words: text where the schema wants text, else JSON."""
    if misfits := [word for word in given if "=" not in word]:
        raise LLMConfigError(f"{misfits[0]!r} is no argument; write /call {tool.name} NAME=VALUE")
    properties = tool.parameters.get("properties", {})
    return {
        name: _value(value, properties.get(name))
        for name, value in (word.split("=", 1) for word in given)
    }


def _value(text: str, schema: Any) -> Any:
    if isinstance(schema, Mapping) and schema.get("type") == "string":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text
