"""Tools in the two forms that users write, made one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from LLM.exceptions import InvalidRequestError


def nested_tools(tools: Any) -> list[Any] | None:
    """Tools as the chat API takes them: ``{"type": "function", "function": {"name": …}}``.

    The flat form, ``{"name": …, "description": …, "parameters": …}``, with or without a type, is
    wrapped; `parameters` may be called `input_schema`, as Anthropic has it. Tools of other types
    (``{"type": "web_search"}``, Google's ``{"google_search": {}}``) stay as they are.

    :param tools: a list of dicts; None stays None.
    :raises InvalidRequestError: a tool is no dict, or has neither name, function nor type; a
        function has no name.
    """
    if tools is None:
        return None
    if isinstance(tools, (str, Mapping)) or not hasattr(tools, "__iter__"):
        raise InvalidRequestError(f"tools is a {type(tools).__name__}; give a list of dicts")
    return [_nested(tool, position) for position, tool in enumerate(tools)]


def _nested(tool: Any, position: int) -> Any:
    if isinstance(tool, Mapping):
        if "function" in tool:
            _check_name(tool["function"], f"tools[{position}].function")
            return {"type": "function", **tool}
        if tool.get("type", "function") == "function" and "name" in tool:
            function = {key: value for key, value in tool.items() if key != "type"}
            if "parameters" not in function and "input_schema" in function:
                function["parameters"] = function.pop("input_schema")  # Anthropic's name
            _check_name(function, f"tools[{position}]")
            return {"type": "function", "function": function}
        if "type" in tool and tool["type"] != "function":
            return tool
        if len(tool) == 1 and "parameters" not in tool:
            (settings,) = tool.values()
            if isinstance(settings, Mapping | list):
                return tool
    raise InvalidRequestError(
        f"tools[{position}] is no tool; give {{'type': 'function', 'function': {{'name': …}}}} or "
        "{'name': …, 'description': …, 'parameters': …}"
    )


def _check_name(function: Any, place: str) -> None:
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(name, str) or not name:
        raise InvalidRequestError(f"{place} has no name; give {{'name': …, 'parameters': …}}")
