"""Anthropic's turns as OpenAI's messages.

A turn of the user's may hold results of tools, which are messages of their own there. Turns of one
role that follow each other are one. Thoughts of earlier answers are not shown to the model again.
"""

from __future__ import annotations

from typing import Any

from pydantic_core import to_json

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import invalid, quoted
from local_llm_kit.server.anthropic.blocks import part_of, parts_of, text_of, unread
from local_llm_kit.server.anthropic.reading import (
    a_flag,
    a_list,
    a_name,
    an_object,
    blocks_of,
    given,
)

_ROLES = ("user", "assistant", "system")


def messages_of(system: Any, turns: Any) -> list[JSONObject]:
    """Messages in OpenAI's form.

    :param system: a text, a list of text blocks, or None.
    :param turns: objects with `role` and `content`.
    :raises InvalidRequestError: names the turn and the block.
    """
    messages: list[JSONObject] = []
    told = "" if system is None else text_of("system", system)
    if told:
        messages.append({"role": "system", "content": told})
    if not a_list("messages", turns):
        raise invalid("messages", "messages is empty; give at least one")
    for i, turn in enumerate(turns):
        where = f"messages[{i}]"
        fields = given(where, turn, ("role", "content"))
        role, content = fields.get("role"), fields.get("content")
        if role == "user":
            _add_users(messages, f"{where}.content", content)
        elif role == "assistant":
            _add_assistants(messages, f"{where}.content", content)
        elif role == "system":
            told = text_of(f"{where}.content", content)
            messages.append({"role": "system", "content": told})
        else:
            shown = quoted(role)
            raise invalid(f"{where}.role", f"the role of {where} is {shown}; roles: {_ROLES}")
    return [_finished(message) for message in messages]


def _add_users(messages: list[JSONObject], where: str, content: Any) -> None:
    blocks = blocks_of(where, content)
    if not blocks:
        raise invalid(where, f"{where} is empty; give it a block")
    images: list[JSONObject] = []
    for i, block in enumerate(blocks):
        place = f"{where}[{i}]"
        if an_object(place, block).get("type") == "tool_result":
            images += _add_result(messages, place, block)
        else:
            _turn(messages, "user")["content"].append(part_of(place, block))
    if images:
        _turn(messages, "user")["content"] += images


def _add_result(messages: list[JSONObject], where: str, block: Any) -> list[JSONObject]:
    """Add the result of a tool.

    :return: the images in it: only the user can show some, once all results are there.
    """
    known = ("tool_use_id", "content", "is_error", "toolset_name")
    fields = given(where, block, known)
    call_id = a_name(f"{where}.tool_use_id", fields.get("tool_use_id"))
    parts = list(parts_of(f"{where}.content", fields.get("content", "")))
    text = "\n".join(part["text"] for part in parts if part["type"] == "text")
    if a_flag(f"{where}.is_error", fields.get("is_error")):
        text = f"Error: {text}"
    messages.append({"role": "tool", "tool_call_id": call_id, "content": text})
    return [part for part in parts if part["type"] != "text"]


def _add_assistants(messages: list[JSONObject], where: str, content: Any) -> None:
    turn = _turn(messages, "assistant")
    for i, block in enumerate(blocks_of(where, content)):
        place = f"{where}[{i}]"
        kind = an_object(place, block).get("type")
        if kind == "tool_use":
            turn.setdefault("tool_calls", []).append(_call(place, block))
        elif kind == "text":
            turn["content"].append(part_of(place, block))
        elif kind not in ("thinking", "redacted_thinking"):
            raise unread(place, kind, ("text", "tool_use", "thinking", "redacted_thinking"))


def _call(where: str, block: Any) -> JSONObject:
    fields = given(where, block, ("id", "name", "input", "caller", "toolset_name"))
    arguments = an_object(f"{where}.input", fields.get("input"))
    function = {
        "name": a_name(f"{where}.name", fields.get("name")),
        "arguments": to_json(arguments).decode(),
    }
    call_id = a_name(f"{where}.id", fields.get("id"))
    return {"id": call_id, "type": "function", "function": function}


def _turn(messages: list[JSONObject], role: str) -> JSONObject:
    """The last message if it is of that role, else a new one."""
    if not messages or messages[-1]["role"] != role:
        messages.append({"role": role, "content": []})
    return messages[-1]


def _finished(message: JSONObject) -> JSONObject:
    """A message with its texts as one: blocks of the user's are a line apart."""
    parts = message["content"]
    if isinstance(parts, str):
        return message
    if any(part["type"] != "text" for part in parts):
        return message
    between = "\n" if message["role"] == "user" else ""
    return message | {"content": between.join(part["text"] for part in parts)}
