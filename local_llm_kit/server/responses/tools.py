"""The tools of a request: functions, in the flat form of this API, and which may be called."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import Fields, invalid, kind_of, quoted, refuse_unknown, unsupported
from local_llm_kit.messages import MAX_TOOLS

#: Say how a platform runs a function, and nothing to the model.
_HINTS = ("allowed_callers", "async", "defer_loading", "output_schema")
_FIELDS = frozenset(("type", "name", "description", "parameters", "strict", *_HINTS))


def take_tools(fields: Fields) -> tuple[list[JSONObject], Any, bool | None]:
    """Take the tools, the choice among them, and whether several may be called at once.

    :return: the tools in the flat form, of their own fields only; the other two as they were given.
    :raises InvalidRequestError: names the tool.
    """
    given = fields.take("tools")
    given = [] if given is None else given
    choice, parallel = fields.take("tool_choice"), fields.flag("parallel_tool_calls")
    if not isinstance(given, list) or len(given) > MAX_TOOLS:
        raise invalid("tools", f"tools must be a list of at most {MAX_TOOLS}")
    tools = [_tool(f"tools[{i}]", tool) for i, tool in enumerate(given)]
    for name in _HINTS:
        if any(tool.pop(name, None) is not None for tool in tools):
            fields.ignored.append(f"tools.{name}")
    return tools, choice, parallel


def _tool(where: str, tool: Any) -> JSONObject:
    if not isinstance(tool, Mapping):
        raise invalid(where, f"{where} must be an object, not {kind_of(tool)}")
    kind = tool.get("type", "function")
    if kind != "function":
        shown = quoted(kind, "of no known type")
        raise unsupported(
            f"{where}.type",
            f"{where} is {shown}, which would run on OpenAI's platform; tools of type 'function' "
            "are called here, and run by who asks",
        )
    function = tool.get("function", tool)
    if not isinstance(function, Mapping):
        raise invalid(f"{where}.function", f"{where}.function must be an object")
    refuse_unknown(where, function, _FIELDS)
    strict = function.get("strict")
    if not isinstance(strict, bool | None):
        raise invalid(f"{where}.strict", f"{where}.strict must be true or false")
    # Arguments follow the schema unless that is waived.
    return {**function, "type": "function", "strict": strict is not False}


def echoed_tools(tools: list[JSONObject]) -> list[JSONObject]:
    """The tools as a response repeats them."""
    return [
        {name: tool.get(name) for name in ("type", "name", "description", "parameters", "strict")}
        for tool in tools
    ]


def echoed_choice(choice: Any) -> Any:
    """The choice as a response repeats it: flat. What is none is left to the chat to refuse."""
    if not isinstance(choice, Mapping):
        return "auto" if choice is None else choice
    kind = choice.get("type", "function")
    nested = choice.get(kind) if isinstance(kind, str) else None
    flat = {**choice, **nested} if isinstance(nested, Mapping) else choice
    names = ("mode", "tools") if kind == "allowed_tools" else ("name",)
    return {"type": kind} | {name: flat[name] for name in names if name in flat}
