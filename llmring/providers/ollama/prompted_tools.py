"""Tools for models that have none: described in the prompt, called and answered in text. Pure.

What the model writes then is read by `tool_call_text`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cloud.llm.calls import json_text, nested_choice
from cloud.llm.json_schemas.check import check_schema
from cloud.llm.json_schemas.plain import plain_schema
from cloud.llm.ollama.requests import OLLAMA_SCHEMA
from cloud.llm.tool_calls import called_function, result_content
from LLM.exceptions import InvalidRequestError
from LLM.schemas import fitted_schema
from LLM.tools import nested_tools
from llmring.providers.ollama.tool_call_text import CLOSE, OPEN, ToolCallText

JSONObject = dict[str, Any]

_ASKS = f"""Call a tool where it helps: write one block like this for each call, and nothing else.
{OPEN}
{{"name": "the tool's name", "arguments": {{"an argument": "its value"}}}}
{CLOSE}
Its result is given to you in a <tool_response> block. Where no tool helps, answer without one."""
_ASKS_ONCE = " Call at most one tool at a time."
_ASKS_NOW = """Call one of them now: write a JSON object with the tool's "name" and its "arguments",
and nothing else."""
_OPEN_RESULT, _CLOSE_RESULT = "<tool_response>", "</tool_response>"


@dataclass(frozen=True, slots=True)
class PromptedTools:
    """The tools that a model is told of, and how it is to call them.

    :param functions: as OpenAI has them: name, description, parameters; none may be there, for a
        conversation in which tools were called before.
    :param must_call: whether it is to call one of them and say nothing.
    :param parallel: whether it may make several calls.
    :param form: what it is told of the form of an answer without a call; empty for nothing.
    """

    functions: Sequence[Mapping[str, Any]]
    must_call: bool = False
    parallel: bool = True
    form: str = ""

    @classmethod
    def of(
        cls, tools: Any, tool_choice: Any, *, parallel: bool = True, form: str = ""
    ) -> PromptedTools:
        """The tools of a call.

        :param tools: nested as OpenAI has them, or flat; None for none.
        :param tool_choice: as `ProviderCall` has it.
        :param parallel: see above, as `form`.
        :raises InvalidRequestError: a tool is no function, or the choice names none of them.
        """
        nested, choice = nested_tools(tools) or [], nested_choice(tool_choice)
        functions = [_function(f"tools[{i}]", tool) for i, tool in enumerate(nested)]
        if not functions or choice == "none":
            return cls((), parallel=parallel)
        if isinstance(choice, Mapping):
            functions = _named(functions, choice["function"]["name"])
        return cls(functions, choice not in (None, "auto"), parallel, form)

    @property
    def names(self) -> frozenset[str]:
        """The tools' names."""
        return frozenset(function["name"] for function in self.functions)

    def messages(self, messages: Iterable[JSONObject]) -> list[JSONObject]:
        """The conversation in text alone, with what the model is to know of tools.

        :param messages: as OpenAI has them; they stay as they are.
        :raises InvalidRequestError: a call of the conversation is none.
        """
        return _instructed(_in_text(messages), self._instruction())

    def format(self) -> JSONObject:
        """The JSON schema of a call of one of the tools."""
        calls = [_call_schema(function, i) for i, function in enumerate(self.functions)]
        definitions = {name: one for call in calls for name, one in call.pop("$defs").items()}
        schema = calls[0] if len(calls) == 1 else {"anyOf": calls}
        return {**schema, "$defs": definitions} if definitions else schema

    def reader(self) -> ToolCallText:
        """What takes the calls out of the model's answer."""
        return ToolCallText(self.names, parallel=self.parallel and not self.must_call)

    def _instruction(self) -> str:
        if not self.functions:
            return ""
        listed = "\n".join(json_text(function, "tools") for function in self.functions)
        how = _ASKS_NOW if self.must_call else _ASKS if self.parallel else _ASKS + _ASKS_ONCE
        form = f"\n\n{self.form}" if self.form and not self.must_call else ""
        return f"You have these tools:\n{listed}\n\n{how}{form}"


def has_tool_turns(messages: Iterable[Mapping[str, Any]]) -> bool:
    """Whether tools were called in a conversation."""
    return any(message.get("tool_calls") or message["role"] == "tool" for message in messages)


def n_calls(messages: Iterable[Mapping[str, Any]]) -> int:
    """How many calls there were in a conversation."""
    return sum(len(message.get("tool_calls") or ()) for message in messages)


def _function(where: str, tool: Mapping[str, Any]) -> Mapping[str, Any]:
    function = tool.get("function")
    if tool.get("type") != "function" or not isinstance(function, Mapping):
        raise InvalidRequestError(
            f"{where} is of type {tool.get('type')!r}; Ollama takes functions only"
        )
    parameters = function.get("parameters") or {"type": "object", "properties": {}}
    described = {"description": text} if (text := function.get("description")) else {}
    return {"name": function["name"], **described, "parameters": parameters}


def _named(functions: list[Mapping[str, Any]], name: str) -> list[Mapping[str, Any]]:
    chosen = [function for function in functions if function["name"] == name]
    if not chosen:
        names = ", ".join(repr(function["name"]) for function in functions)
        raise InvalidRequestError(f"tool_choice names {name!r}, but there are {names}")
    return chosen


def _instructed(messages: list[JSONObject], instruction: str) -> list[JSONObject]:
    """The messages with an instruction in their first system turn: templates often have one."""
    if not instruction:
        return messages
    first = messages[0] if messages else {}
    if first.get("role") not in ("system", "developer"):
        return [{"role": "system", "content": instruction}, *messages]
    content = first["content"]
    if isinstance(content, list):
        joined: Any = [*content, {"type": "text", "text": instruction}]
    else:
        joined = f"{content}\n\n{instruction}" if content else instruction
    return [{**first, "content": joined}, *messages[1:]]


def _in_text(messages: Iterable[JSONObject]) -> list[JSONObject]:
    out: list[JSONObject] = []
    called: dict[Any, str] = {}  # names of tools by the ids of their calls
    results: list[Any] = []  # those behind one another share a turn
    for i, message in enumerate(messages):
        where = f"messages[{i}]"
        if message["role"] == "tool":
            if not results:
                out.append({"role": "user", "content": results})
            results += _result(message, where, called.get(message.get("tool_call_id")))
            continue
        results = []
        if message.get("tool_calls"):
            out.append(_calls_in_text(message, where, called))
        else:
            out.append(message)
    return out


def _calls_in_text(message: JSONObject, where: str, called: dict[Any, str]) -> JSONObject:
    blocks = []
    for i, call in enumerate(message["tool_calls"]):
        name, arguments = called_function(call, f"{where}.tool_calls[{i}]")
        called[call.get("id")] = name
        written = json_text({"name": name, "arguments": arguments}, f"{where}.tool_calls[{i}]")
        blocks.append(f"{OPEN}\n{written}\n{CLOSE}")
    text = "\n".join(blocks)
    content = message.get("content")
    if isinstance(content, list):
        joined: Any = [*content, {"type": "text", "text": text}]
    else:
        joined = f"{content}\n{text}" if content else text
    plain = {name: value for name, value in message.items() if name != "tool_calls"}
    return {**plain, "content": joined}


def _result(message: JSONObject, where: str, name: str | None) -> list[Any]:
    """A tool's result as parts of a user's turn: its text in a block, and what else there is."""
    content = result_content(message.get("content"), f"{where}.content")
    parts = content if isinstance(content, list) else [{"type": "text", "text": content or ""}]
    texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
    result = json_text({"name": name or message.get("name"), "content": "\n".join(texts)}, where)
    # What a tool gives must not end its block and go on in the user's name.
    result = result.replace(_CLOSE_RESULT, _CLOSE_RESULT.replace("/", "\\/"))
    block = {"type": "text", "text": f"{_OPEN_RESULT}\n{result}\n{_CLOSE_RESULT}"}
    return [block, *(part for part in parts if not isinstance(part.get("text"), str))]


def _call_schema(function: Mapping[str, Any], number: int) -> JSONObject:
    """The JSON schema of a call of a function; its definitions are apart, under ``$defs``."""
    try:
        check_schema(function["parameters"])
    except InvalidRequestError as err:
        raise InvalidRequestError(f"the parameters of {function['name']!r}: {err.message}") from err
    parameters = fitted_schema(plain_schema(function["parameters"]), OLLAMA_SCHEMA, "tools")
    definitions = parameters.pop("$defs", {})
    arguments = {**_moved(parameters, number), "type": "object"}
    return {
        "type": "object",
        "properties": {"name": {"enum": [function["name"]]}, "arguments": arguments},
        "required": ["name", "arguments"],
        "$defs": {_key(number, name): _moved(one, number) for name, one in definitions.items()},
    }


def _key(number: int, name: str) -> str:
    return f"{number}_{name}"


def _moved(schema: Any, number: int) -> Any:
    """A schema whose references lead to where the definitions of function `number` are now."""
    if isinstance(schema, list):
        return [_moved(one, number) for one in schema]
    if not isinstance(schema, dict):
        return schema
    moved = {key: _moved(value, number) for key, value in schema.items()}
    if isinstance(reference := schema.get("$ref"), str):
        moved["$ref"] = "#/$defs/" + _key(number, reference.removeprefix("#/$defs/"))
    return moved
