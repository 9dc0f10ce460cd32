"""Tools and their choice as OpenAI has them, made Anthropic's. Pure.

Source: https://platform.claude.com/docs/en/api/messages/create; ToolParam, ToolChoiceParam of
anthropic 2.12.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.llm.anthropic.schemas import held_schema

_MODES = {"auto": "auto", "none": "none", "required": "any"}
_NO_PARAMETERS = {"type": "object", "properties": {}}


def anthropic_tools(tools: Sequence[Any] | None) -> list[Any] | None:
    """Functions as tools with an `input_schema`; Anthropic's own kinds stay as they are."""
    if not tools:
        return None
    return [_tool(tool, f"tools[{i}]") for i, tool in enumerate(tools)]


def anthropic_choice(choice: Any, one_call: bool, has_tools: bool) -> dict[str, Any] | None:
    """How tools may be used.

    :param choice: as `ChatCall.tool_choice`.
    :param one_call: whether one call at a time is asked for.
    """
    if choice is None:
        chosen = {"type": "auto"} if one_call and has_tools else None
    elif isinstance(choice, str):
        chosen = {"type": _MODES[choice]}
    else:
        chosen = {"type": "tool", "name": choice["function"]["name"]}
    if chosen is None or not one_call or chosen["type"] == "none":
        return chosen
    return {**chosen, "disable_parallel_tool_use": True}


def _tool(tool: Mapping[str, Any], where: str) -> Any:
    function = tool.get("function")
    if function is None:
        return tool
    fields = dict(function)
    schema = fields.pop("parameters", None) or fields.pop("input_schema", None) or _NO_PARAMETERS
    if fields.get("strict") is False:
        del fields["strict"]  # OpenAI's way to say nothing
    elif fields.get("strict"):
        schema = held_schema(schema, where)
    if "cache_control" in tool:
        fields["cache_control"] = tool["cache_control"]
    return {**fields, "input_schema": schema}
