"""Which tools a model may call, must call, and how often."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import PydanticSerializationError, to_json

from local_llm_kit.fields import Fields, invalid
from local_llm_kit.messages import normalise_tools
from local_llm_kit.schemas import vet_schema

#: Bytes of all tools together.
MAX_TOOLS_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class CallableTool:
    """A tool that may be called.

    :param schema: rewritten JSON schema of its arguments, as JSON text.
    """

    name: str
    schema: str


@dataclass(frozen=True, slots=True)
class ToolChoice:
    """What a model may and must call.

    :param mode: ``none``: no tool is offered; ``auto``: it may call; ``required``: it must.
    :param callables: the tools that may be called.
    :param parallel: whether it may make several calls in one answer.
    :param legacy: whether the answer has OpenAI's older form: one `function_call`.
    """

    mode: Literal["none", "auto", "required"] = "none"
    callables: tuple[CallableTool, ...] = ()
    parallel: bool = True
    legacy: bool = False


NO_TOOLS = ToolChoice()


def take_tools(fields: Fields) -> tuple[list[dict[str, Any]] | None, ToolChoice]:
    """Take the tools, and what is said of their use.

    :return: the tools as a template takes them, None where none is offered; and the choice.
    :raises InvalidRequestError: names the argument.
    """
    given = fields.take("tools"), fields.take("functions")
    choice = fields.take("tool_choice"), fields.take("function_call")
    parallel = fields.flag("parallel_tool_calls")
    if given[0] is not None and given[1] is not None:
        return _neither(given, choice)
    legacy = given[1] is not None
    param, choice_param = ("functions", "function_call") if legacy else ("tools", "tool_choice")
    if choice[not legacy] is not None:
        other = "tool_choice" if legacy else "function_call"
        raise invalid(other, f"{other} needs {'tools' if legacy else 'functions'}")
    raw = _as_tools(given[1]) if legacy else given[0]
    tools = normalise_tools(raw, param)
    if not tools:
        if choice[legacy] not in (None, "none"):
            raise invalid(choice_param, f"{choice_param} needs {param}")
        if parallel is False:
            raise invalid("parallel_tool_calls", "parallel_tool_calls needs tools")
        return None, NO_TOOLS
    _check_size(tools, param)
    mode, names = _mode(choice[legacy], choice_param)
    if mode == "none":
        return None, NO_TOOLS
    callables = _chosen(_callables(raw, tools, param), names, choice_param)
    several = not legacy and parallel is not False and not (mode == "required" and len(names) == 1)
    return tools, ToolChoice(mode, callables, several, legacy)


def _neither(given: tuple[Any, Any], choice: tuple[Any, Any]) -> tuple[None, ToolChoice]:
    """Tools by both names, which is no contradiction where none of them may be called."""
    if choice != ("none", "none"):
        raise invalid("functions", "functions is the older name of tools; give one of both")
    for raw, param in ((given[0], "tools"), (_as_tools(given[1]), "functions")):
        _check_size(normalise_tools(raw, param) or [], param)
    return None, NO_TOOLS


def _as_tools(functions: Any) -> Any:
    if not isinstance(functions, Sequence) or isinstance(functions, (str, bytes)):
        return functions
    return [{"type": "function", "function": function} for function in functions]


def _check_size(tools: list[dict[str, Any]], param: str) -> None:
    try:
        size = len(to_json(tools))
    except (PydanticSerializationError, ValueError, RecursionError) as err:
        raise invalid(param, f"{param} cannot be written as JSON: {err}") from err
    if size > MAX_TOOLS_BYTES:
        raise invalid(param, f"{param} take {size:,} bytes; at most {MAX_TOOLS_BYTES:,} are read")


def _callables(
    raw: Sequence[Mapping[str, Any]], tools: list[dict[str, Any]], param: str
) -> dict[str, CallableTool]:
    found: dict[str, CallableTool] = {}
    for i, (given, tool) in enumerate(zip(raw, tools, strict=True)):
        function = tool["function"]
        if function["name"] in found:
            raise invalid(param, f"{param} has the name {function['name'][:80]!r} twice")
        where = f"{param}[{i}].function.parameters"
        schema = {**function["parameters"], "type": "object"}
        if given.get("function", given).get("strict") is False:
            schema = {"type": "object"}  # the caller asked for any arguments
        found[function["name"]] = CallableTool(function["name"], vet_schema(schema, where))
    return found


def _mode(choice: Any, param: str) -> tuple[Literal["none", "auto", "required"], tuple[str, ...]]:
    """What a choice says: the mode, and the names that it allows; none means all."""
    if choice is None or choice == "auto":
        return "auto", ()
    if choice == "none":
        return "none", ()
    if choice == "required" and param == "tool_choice":
        return "required", ()
    if isinstance(choice, Mapping):
        kind = choice.get("type", "function")
        if kind == "allowed_tools" and param == "tool_choice":
            return _allowed(choice.get("allowed_tools", choice), param)
        if kind == "function":
            return "required", (_name(choice, param),)
    forms = "{'name': …}" if param == "function_call" else (
        "'required', {'type': 'function', 'function': {'name': …}} and {'type': 'allowed_tools', …}"
    )  # fmt: skip
    raise invalid(
        param, f"{param} has a value that is not known; there are 'auto', 'none', {forms}"
    )


def _allowed(
    choice: Any, param: str
) -> tuple[Literal["none", "auto", "required"], tuple[str, ...]]:
    mode = choice.get("mode", "auto") if isinstance(choice, Mapping) else None
    tools = choice.get("tools") if isinstance(choice, Mapping) else None
    if mode not in ("auto", "required") or not isinstance(tools, list) or not tools:
        raise invalid(param, f"{param} needs a mode, 'auto' or 'required', and a list of tools")
    return mode, tuple(_name(tool, param) for tool in tools)


def _name(choice: Any, param: str) -> str:
    function = choice.get("function", choice) if isinstance(choice, Mapping) else None
    name = function.get("name") if isinstance(function, Mapping) else None
    if not isinstance(name, str):
        raise invalid(param, f"{param} must name a function")
    return name


def _chosen(
    callables: dict[str, CallableTool], names: tuple[str, ...], param: str
) -> tuple[CallableTool, ...]:
    for name in names:
        if name not in callables:
            known = ", ".join(repr(one[:80]) for one in list(callables)[:8])
            raise invalid(param, f"{param} names {name[:80]!r}, but there are {known}")
    return tuple(callables[name] for name in dict.fromkeys(names)) or tuple(callables.values())
