"""Messages and tools in the form that chat templates take: plain dicts, checked."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic_core import from_json

from local_llm_kit.fields import check_text, invalid, quoted, refuse_unknown
from local_llm_kit.images import check_count, image_of

MAX_MESSAGES = 4096
MAX_TOOLS = 128
MAX_NAME_CHARS = 128
_TOOL_NAME = re.compile(r"[\w.:/-]+")
_ROLES = frozenset(("system", "developer", "user", "assistant", "tool", "function"))
#: Roles that templates know by another name: what a developer says stands where the system's words
#: stand, and a function is the older name of a tool.
_TEMPLATE_ROLES = {"developer": "system", "function": "tool"}
_FIELDS = ("role", "content", "name", "tool_calls", "tool_call_id", "function_call")
#: Fields of an answer that come back with the next turn; they say nothing to the model.
_IGNORED = frozenset(("refusal", "annotations", "audio", "parsed", "reasoning_content"))
_KNOWN = _IGNORED.union(_FIELDS)


def normalise_messages(messages: Any) -> list[dict[str, Any]]:
    """Messages as a template takes them; images are apart from the text, as base64 in `images`.

    :param messages: dicts, or objects with `role` and `content`; content is a text, a list of
        parts (texts, and a user's images), or None.
    :raises InvalidRequestError: names the message and the field.
    """
    if not isinstance(messages, Sequence) or isinstance(messages, (str, bytes)):
        kind = type(messages).__name__
        problem = f"messages is a {kind}; give a list such as "
        raise invalid("messages", problem + "[{'role': 'user', 'content': 'Hello!'}]")
    if not 0 < len(messages) <= MAX_MESSAGES:
        raise invalid("messages", f"there are {len(messages)} messages; give 1 to {MAX_MESSAGES:,}")
    checked = [_message(f"messages[{i}]", message) for i, message in enumerate(messages)]
    check_count(checked)
    return checked


def _message(where: str, message: Any) -> dict[str, Any]:
    if isinstance(message, Mapping):
        fields = {str(name): value for name, value in message.items() if value is not None}
    elif hasattr(message, "role") and hasattr(message, "content"):
        found = {name: getattr(message, name, None) for name in _FIELDS}
        fields = {name: value for name, value in found.items() if value is not None}
    else:
        raise invalid(where, f"{where} must be an object with role and content")
    refuse_unknown(where, fields, _KNOWN)
    role = fields.get("role")
    if not isinstance(role, str) or role not in _ROLES:
        shown = quoted(role)
        raise invalid(f"{where}.role", f"the role of {where} is {shown}; roles: {sorted(_ROLES)}")
    out: dict[str, Any] = {"role": _TEMPLATE_ROLES.get(role, role)}
    calls = _calls(where, role, fields)
    if calls:
        out["tool_calls"] = calls
    if role == "function" and "name" not in fields:
        raise invalid(f"{where}.name", f"{where} must name the function whose result it is")
    where_content = f"{where}.content"
    out["content"] = _content(where_content, fields.get("content"), optional=bool(calls))
    images = _images(where_content, role, fields.get("content"))
    if images:
        out["images"] = images
    for name in ("name", "tool_call_id"):
        if name in fields:
            out[name] = _short_text(f"{where}.{name}", fields[name])
    return out


def _content(where: str, content: Any, *, optional: bool) -> str:
    if content is None and optional:
        return ""
    if isinstance(content, str):
        return _text(where, content)
    if not isinstance(content, Sequence) or isinstance(content, bytes) or not content:
        raise invalid(where, f"{where} must be a text or a list of text parts")
    if len(content) > MAX_MESSAGES:
        raise invalid(where, f"{where} has {len(content)} parts; give at most {MAX_MESSAGES:,}")
    texts = []
    for i, part in enumerate(content):
        kind = part.get("type") if isinstance(part, Mapping) else None
        if kind not in ("text", "image_url"):
            shown = quoted(kind, "of no known type")
            raise invalid(
                f"{where}[{i}]", f"{where}[{i}] is {shown}; there are 'text' and 'image_url' parts"
            )
        if kind == "text":
            texts.append(_text(f"{where}[{i}].text", part.get("text")))
    return "".join(texts)


def _images(where: str, role: str, content: Any) -> list[str]:
    """The images among the parts of a content that was checked, as base64."""
    parts = enumerate(() if content is None or isinstance(content, str) else content)
    found = [(f"{where}[{i}]", part) for i, part in parts if part["type"] == "image_url"]
    if found and role != "user":
        raise invalid(found[0][0], f"{found[0][0]} is an image; only a user's message can have one")
    return [image_of(place, part) for place, part in found]


def _text(where: str, value: Any) -> str:
    if not isinstance(value, str):
        raise invalid(where, f"{where} must be a text")
    check_text(where, value)
    return value


def _short_text(where: str, value: Any) -> str:
    text = _text(where, value)
    if not 0 < len(text) <= MAX_NAME_CHARS:
        raise invalid(where, f"{where} must have 1 to {MAX_NAME_CHARS} characters")
    return text


def _calls(where: str, role: str, fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """The calls of a message, from its `tool_calls` or its older `function_call`."""
    name = "tool_calls" if fields.get("tool_calls") else "function_call"
    calls = fields.get(name)
    if not calls:
        return []
    if role != "assistant":
        raise invalid(f"{where}.{name}", f"{where} has {name} but is no assistant's")
    if name == "tool_calls":
        return _tool_calls(f"{where}.tool_calls", calls)
    function = calls.model_dump() if hasattr(calls, "model_dump") else calls
    return [_tool_call(f"{where}.function_call", {"function": function})]


def _tool_calls(where: str, calls: Any) -> list[dict[str, Any]]:
    if not isinstance(calls, Sequence) or isinstance(calls, (str, bytes)) or len(calls) > MAX_TOOLS:
        raise invalid(where, f"{where} must be a list of at most {MAX_TOOLS} calls")
    return [_tool_call(f"{where}[{i}]", call) for i, call in enumerate(calls)]


def _tool_call(where: str, call: Any) -> dict[str, Any]:
    if hasattr(call, "model_dump"):
        call = call.model_dump()
    function = call.get("function") if isinstance(call, Mapping) else None
    if not isinstance(function, Mapping):
        raise invalid(where, f"{where} must be an object with a function")
    name = _short_text(f"{where}.function.name", function.get("name"))
    arguments = _text(f"{where}.function.arguments", function.get("arguments", ""))
    # The API carries JSON text, templates write an object: the text of an object would be quoted.
    try:
        parsed = from_json(arguments or "{}")
    except ValueError:
        parsed = arguments
    out: dict[str, Any] = {
        "type": "function",
        "function": {"name": name, "arguments": parsed if isinstance(parsed, dict) else arguments},
    }
    if call.get("id"):
        out["id"] = _short_text(f"{where}.id", call["id"])
    return out


def normalise_tools(tools: Any, param: str = "tools") -> list[dict[str, Any]] | None:
    """Tools in OpenAI's nested form; the flat form of its Responses API is taken too.

    :param param: the argument that they came in.
    :raises InvalidRequestError: names the tool and the field.
    """
    if tools is None:
        return None
    if not isinstance(tools, Sequence) or isinstance(tools, (str, bytes)):
        raise invalid(param, f"{param} must be a list")
    if len(tools) > MAX_TOOLS:
        raise invalid(param, f"there are {len(tools)} {param}; give at most {MAX_TOOLS}")
    return [_tool(f"{param}[{i}]", tool) for i, tool in enumerate(tools)] or None


def _tool_name(where: str, value: Any) -> str:
    """A name that cannot be taken for markup."""
    name = _short_text(where, value)
    if not _TOOL_NAME.fullmatch(name):
        raise invalid(where, f"{where} may have letters, digits and _ - . : / only")
    return name


def _tool(where: str, tool: Any) -> dict[str, Any]:
    if not isinstance(tool, Mapping) or tool.get("type", "function") != "function":
        raise invalid(where, f"{where} must be an object of type 'function'")
    function = tool.get("function", tool)
    if not isinstance(function, Mapping):
        raise invalid(f"{where}.function", f"{where}.function must be an object")
    name = _tool_name(f"{where}.function.name", function.get("name"))
    description = _text(f"{where}.function.description", function.get("description") or "")
    parameters = function.get("parameters") or {}
    if not isinstance(parameters, Mapping):
        raise invalid(f"{where}.function.parameters", f"the parameters of {where} must be a schema")
    # Templates walk over the properties of every tool, also of one that takes nothing.
    parameters = {"type": "object", "properties": {}, **parameters}
    return {
        "type": "function",
        "function": {"name": name, "description": description, "parameters": parameters},
    }
