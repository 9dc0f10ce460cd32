"""The input of a decision as a conversation: items of OpenAI's Responses API become messages.

Messages of the chat API are taken too. Images are refused: the model reads text.

Source: OpenAI's API reference, ``POST /v1/decisions``, `input`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import PydanticSerializationError, from_json, to_json

from local_llm_kit.fields import check_text, invalid, quoted
from local_llm_kit.images import refuse_images
from local_llm_kit.messages import MAX_MESSAGES, normalise_messages

MAX_JSON_BYTES = 256 << 10
#: Kinds of content parts that hold text, and the field that it stands in.
_TEXT_FIELDS = {
    "input_text": "text", "output_text": "text", "text": "text", "refusal": "refusal",
}  # fmt: skip
_CALLS = {"function_call": "arguments", "custom_tool_call": "input"}
_OUTPUTS = ("function_call_output", "custom_tool_call_output")


def input_messages(value: Any) -> list[dict[str, Any]]:
    """Messages of an input.

    :param value: a text, or a list of messages, tool calls and their outputs.
    :raises InvalidRequestError: names the item and the field.
    """
    if isinstance(value, str):
        value = [{"role": "user", "content": value}]
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= MAX_MESSAGES:
        raise invalid("input", f"input must be a text or a list of 1 to {MAX_MESSAGES:,} items")
    calls: set[str] = set()
    items = [_item(f"input[{i}]", item, calls) for i, item in enumerate(value)]
    messages = normalise_messages(items)
    refuse_images(messages, "decisions are made about texts; leave it out")
    return messages


def _item(where: str, item: Any, calls: set[str]) -> Any:
    if not isinstance(item, Mapping):
        return item  # an object with role and content, or an error of `normalise_messages`
    kind = item.get("type", "message")
    if not isinstance(kind, str):
        raise invalid(f"{where}.type", f"{where}.type must be a text")
    if kind in _CALLS:
        return _call(where, item, _CALLS[kind], calls)
    if kind in _OUTPUTS:
        return _output(where, item, calls)
    if kind != "message":
        raise invalid(where, f"{where} must be a message, a tool call or a tool call's output")
    fields = {name: value for name, value in item.items() if name not in ("type", "phase")}
    if isinstance(fields.get("content"), (list, tuple)):
        fields["content"] = text_of(f"{where}.content", fields["content"])
    return fields


def _call(where: str, item: Mapping[str, Any], field: str, calls: set[str]) -> dict[str, Any]:
    call_id, name, given = item.get("call_id"), item.get("name"), item.get(field)
    if not (isinstance(call_id, str) and isinstance(name, str) and isinstance(given, str)):
        raise invalid(where, f"{where} must have the texts call_id, name and {field}")
    check_text(where, given)
    calls.add(call_id)
    # A custom tool takes plain text, and templates write a call's arguments as an object.
    arguments = given if field == "arguments" else to_json({"input": given}).decode()
    function = {"name": name, "arguments": arguments}
    call = {"id": call_id, "type": "function", "function": function}
    return {"role": "assistant", "content": None, "tool_calls": [call]}


def _output(where: str, item: Mapping[str, Any], calls: set[str]) -> dict[str, Any]:
    call_id = item.get("call_id")
    if not isinstance(call_id, str) or call_id not in calls:
        raise invalid(f"{where}.call_id", f"{where}.call_id names no call that stands before it")
    content = text_of(f"{where}.output", item.get("output"))
    return {"role": "tool", "tool_call_id": call_id, "content": content}


def text_of(where: str, value: Any) -> str:
    """Text of a text, or of a list of parts that hold text or JSON; a line a part.

    :raises InvalidRequestError: names the part.
    """
    if isinstance(value, str):
        check_text(where, value)
        return value
    if not isinstance(value, (list, tuple)) or not 0 < len(value) <= MAX_MESSAGES:
        raise invalid(where, f"{where} must be a text or a list of parts")
    return "\n".join(_part(f"{where}[{i}]", part) for i, part in enumerate(value))


def _part(where: str, part: Any) -> str:
    kind = part.get("type") if isinstance(part, Mapping) else None
    if kind == "input_json":
        return _json(f"{where}.data", part.get("data"))
    field = _TEXT_FIELDS.get(kind) if isinstance(kind, str) else None
    text = part.get(field) if field is not None else None
    if not isinstance(text, str):
        shown = quoted(kind, "of no known type")
        raise invalid(where, f"{where} is {shown}; the model reads input_text and input_json")
    check_text(where, text)
    return text


def _json(where: str, data: Any) -> str:
    try:
        if not isinstance(data, (dict, list)):
            raise ValueError("it is neither an object nor a list of objects")
        text = to_json(data, inf_nan_mode="constants")
        from_json(text, allow_inf_nan=False)  # also bounds the depth
    except (PydanticSerializationError, ValueError, RecursionError) as err:
        raise invalid(where, f"{where} cannot be written as JSON: {err}") from err
    if len(text) > MAX_JSON_BYTES:
        raise invalid(where, f"{where} takes {len(text):,} bytes; at most {MAX_JSON_BYTES:,}")
    return text.decode()
