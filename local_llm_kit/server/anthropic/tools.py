"""Anthropic's tools and their choice, in OpenAI's form."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from LLM.exceptions import InvalidRequestError
from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import Fields, invalid, quoted, unsupported
from local_llm_kit.messages import MAX_TOOLS
from local_llm_kit.schemas import vet_schema
from local_llm_kit.server.anthropic.reading import a_flag, a_list, a_name, a_text, an_object, given
from local_llm_kit.server.anthropic.schemas import cleaned

_FIELDS = ("name", "description", "input_schema", "strict", "allowed_callers", "defer_loading",
           "eager_input_streaming", "input_examples")  # fmt: skip
_MODES = {"auto": "auto", "any": "required", "none": "none"}


def take_tools(fields: Fields) -> JSONObject:
    """Take the tools and what is said of their use.

    :return: OpenAI's fields that say the same; none where there is nothing to say.
    :raises InvalidRequestError: names the tool and the field.
    """
    tools = fields.take("tools")
    out = {} if tools is None else {"tools": _tools(tools, fields.ignored)}
    choice = fields.take("tool_choice")
    return out if choice is None else out | _choice(choice)


def _tools(tools: Any, ignored: list[str]) -> list[JSONObject]:
    found = a_list("tools", tools, MAX_TOOLS)
    return [_tool(f"tools[{i}]", tool, ignored) for i, tool in enumerate(found)]


def _tool(where: str, tool: Any, ignored: list[str]) -> JSONObject:
    kind = an_object(where, tool).get("type")
    if kind not in (None, "custom"):
        shown = quoted(kind, "no text")
        raise unsupported(
            f"{where}.type",
            f"the type of {where} is {shown}; tools of Anthropic's own are not here, only 'custom' "
            "ones with an input_schema",
        )
    fields = given(where, tool, _FIELDS)
    callers = a_list(f"{where}.allowed_callers", fields.get("allowed_callers", ["direct"]))
    if "direct" not in callers:
        reason = "no program runs here that could call it; allow 'direct'"
        raise unsupported(
            f"{where}.allowed_callers", f"{where} may not be called by the model, and {reason}"
        )
    if a_flag(f"{where}.defer_loading", fields.get("defer_loading")):
        ignored.append("tools.defer_loading")
    a_flag(f"{where}.eager_input_streaming", fields.get("eager_input_streaming"))
    strict = a_flag(f"{where}.strict", fields.get("strict"))
    parameters, is_held = _parameters(f"{where}.input_schema", fields, strict, ignored)
    examples = a_list(f"{where}.input_examples", fields.get("input_examples", []))
    function: JSONObject = {
        "name": a_name(f"{where}.name", fields.get("name")),
        "description": a_text(f"{where}.description", fields.get("description", "")),
        "parameters": parameters | ({"examples": examples} if examples else {}),
    }
    return {"type": "function", "function": function if is_held else function | {"strict": False}}


def _parameters(
    where: str, fields: Mapping[str, Any], strict: bool, ignored: list[str]
) -> tuple[JSONObject, bool]:
    """The schema of a tool's input, and whether its calls are held to it.

    They are wherever that can be done. Only a tool that is `strict` promises it: another one whose
    schema is too much is called with whatever object the model writes.
    """
    schema = an_object(where, fields.get("input_schema"))
    if schema.get("type", "object") != "object":
        raise invalid(f"{where}.type", f"{where}.type must be 'object'")
    parameters = {"type": "object", "properties": {}, **cleaned(schema, where, ignored)}
    try:
        vet_schema(parameters, where)
    except InvalidRequestError as err:
        if strict or err.code != "invalid_schema":
            raise
        ignored.append(where)
        return parameters, False
    return parameters, True


def _choice(value: Any) -> JSONObject:
    choice = given("tool_choice", value, ("name", "disable_parallel_tool_use"))
    single = a_flag(
        "tool_choice.disable_parallel_tool_use", choice.get("disable_parallel_tool_use")
    )
    out: JSONObject = {"parallel_tool_calls": False} if single else {}
    kind = choice.get("type")
    if kind == "tool":
        name = a_name("tool_choice.name", choice.get("name"))
        return out | {"tool_choice": {"type": "function", "function": {"name": name}}}
    if not isinstance(kind, str) or kind not in _MODES:
        raise invalid(
            "tool_choice.type", "tool_choice.type must be 'auto', 'any', 'tool' or 'none'"
        )
    return out | {"tool_choice": _MODES[kind]}
