"""Items: what a conversation is made of. A request's input is checked and written out in full.

Every item gets an id of ours, whatever id it came with: only ids that nobody can guess may stand
for what others said.

Source: OpenAI's API reference, ``POST /v1/responses``, `input`.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeVar

from local_llm_kit.backends import JSONObject
from local_llm_kit.fields import check_text, invalid, kind_of, quoted, refuse_unknown, unsupported
from local_llm_kit.images import image_of
from local_llm_kit.messages import MAX_MESSAGES, MAX_NAME_CHARS

#: Most items of a conversation; with the instructions no more messages than a chat may have.
MAX_ITEMS = MAX_MESSAGES - 1
MAX_ID_CHARS = 256

#: Gives a kept item by its id.
Find = Callable[[str], JSONObject | None]

_ROLES = ("user", "assistant", "system", "developer")
_STATES = ("in_progress", "completed", "incomplete")
#: What each kind may have. Fields of answers that come back with the next turn are among them.
_FIELDS: Mapping[str, frozenset[str]] = {
    "message": frozenset(("role", "content", "phase")),
    "function_call": frozenset(
        ("call_id", "name", "arguments", "parsed_arguments", "namespace", "caller", "created_by")
    ),
    "function_call_output": frozenset(
        ("call_id", "output", "name", "namespace", "caller", "created_by")
    ),
    "reasoning": frozenset(("summary", "content", "encrypted_content")),
    "item_reference": frozenset(),
}
_COMMON_FIELDS = frozenset(("type", "id", "status"))


def new_id(prefix: str) -> str:
    """An id that cannot be guessed.

    :param prefix: says of what: ``resp``, ``msg``, ``fc``, ``fco`` or ``rs``.
    """
    return f"{prefix}_{secrets.token_hex(24)}"


def read_input(value: Any, find: Find) -> list[JSONObject]:
    """The items of an input, written out in full.

    :param value: a text, a list of 1 to 4,095 items, or None, which is an empty user's turn.
    :param find: gives the items that references name.
    :raises InvalidRequestError: names the item and the field.
    """
    if value is None or isinstance(value, str):
        return [_message("input", {"role": "user", "content": value or ""})]
    if not isinstance(value, list):
        raise invalid("input", f"input must be a text or a list of items, not {kind_of(value)}")
    if not 0 < len(value) <= MAX_ITEMS:
        raise invalid("input", f"input has {len(value)} items; give 1 to {MAX_ITEMS:,}")
    return [_item(f"input[{i}]", item, find) for i, item in enumerate(value)]


def _item(where: str, value: Any, find: Find) -> JSONObject:
    if not isinstance(value, Mapping):
        raise invalid(where, f"{where} must be an object, not {kind_of(value)}")
    given = {str(name): field for name, field in value.items() if field is not None}
    kind = given.get("type", "message" if "role" in given else "item_reference")
    if not isinstance(kind, str) or kind not in _FIELDS:
        shown = quoted(kind, "no text")
        known = ", ".join(_FIELDS)
        raise unsupported(f"{where}.type", f"the type of {where} is {shown}; there are {known}")
    refuse_unknown(where, given, _FIELDS[kind] | _COMMON_FIELDS)
    if given.get("status", "completed") not in _STATES:
        raise invalid(f"{where}.status", f"the status of {where} must be one of {_STATES}")
    if kind == "item_reference":
        return _referred(where, given, find)
    return _READERS[kind](where, given)


def _referred(where: str, given: JSONObject, find: Find) -> JSONObject:
    name = short_text(f"{where}.id", given.get("id"), MAX_ID_CHARS)
    found = find(name)
    if found is None:
        raise invalid(
            f"{where}.id",
            f"{where} refers to the item {name[:80]!r}, which is not kept; send the item itself",
            "item_not_found",
        )
    return found


def _message(where: str, given: JSONObject) -> JSONObject:
    role = given.get("role")
    if role not in _ROLES:
        shown = quoted(role)
        raise invalid(f"{where}.role", f"the role of {where} is {shown}; roles: {_ROLES}")
    read = _said_part if role == "assistant" else _given_part
    content = given.get("content")
    if isinstance(content, str):
        content = [
            {"type": "output_text" if role == "assistant" else "input_text", "text": content}
        ]
    return {
        "id": new_id("msg"),
        "type": "message",
        "role": role,
        "status": given.get("status", "completed"),
        "content": parts(f"{where}.content", content, read),
    }


PartT = TypeVar("PartT")


def parts(where: str, value: Any, read: Callable[[str, JSONObject], PartT]) -> list[PartT]:
    """The parts of a content.

    :param read: reads one, given its place and the part.
    :raises InvalidRequestError: names the part.
    """
    if not isinstance(value, Sequence) or isinstance(value, str) or len(value) > MAX_MESSAGES:
        raise invalid(where, f"{where} must be a text or a list of at most {MAX_MESSAGES:,} parts")
    for i, part in enumerate(value):
        if not isinstance(part, Mapping):
            raise invalid(f"{where}[{i}]", f"{where}[{i}] must be an object with a type")
    return [read(f"{where}[{i}]", dict(part)) for i, part in enumerate(value)]


def _given_part(where: str, part: JSONObject) -> JSONObject:
    """A part of what is said to the model."""
    if part.get("type") == "input_image":
        return _image(where, part)
    if part.get("type") in ("input_text", "output_text"):
        return {"type": "input_text", "text": long_text(f"{where}.text", part.get("text"))}
    raise _other_part(where, part, "'input_text' and 'input_image'")


def _said_part(where: str, part: JSONObject) -> JSONObject:
    """A part of what the model said."""
    if part.get("type") == "refusal":
        refusal = long_text(f"{where}.refusal", part.get("refusal"))
        return {"type": "refusal", "refusal": refusal}
    if part.get("type") in ("input_text", "output_text"):
        text = long_text(f"{where}.text", part.get("text"))
        return {"type": "output_text", "text": text, "annotations": [], "logprobs": []}
    raise _other_part(where, part, "'output_text' and 'refusal'")


def _other_part(where: str, part: JSONObject, known: str) -> Exception:
    kind = part.get("type")
    shown = quoted(kind, "of no known type")
    return unsupported(where, f"{where} is {shown}; there are {known} parts")


def _image(where: str, part: JSONObject) -> JSONObject:
    if part.get("file_id") is not None:
        raise unsupported(f"{where}.file_id", f"{where} names a file, and no files are kept here")
    detail = part.get("detail") or "auto"
    image_of(where, {"image_url": {"url": part.get("image_url"), "detail": detail}})
    return {"type": "input_image", "detail": detail, "image_url": part["image_url"]}


def _call(where: str, given: JSONObject) -> JSONObject:
    return {
        "id": new_id("fc"),
        "type": "function_call",
        "call_id": short_text(f"{where}.call_id", given.get("call_id"), MAX_NAME_CHARS),
        "name": short_text(f"{where}.name", given.get("name"), MAX_NAME_CHARS),
        "arguments": long_text(f"{where}.arguments", given.get("arguments")),
        "status": given.get("status", "completed"),
    }


def _result(where: str, given: JSONObject) -> JSONObject:
    output = given.get("output")
    if not isinstance(output, str):
        output = parts(f"{where}.output", output, _result_part)
    else:
        check_text(f"{where}.output", output)
    return {
        "id": new_id("fco"),
        "type": "function_call_output",
        "call_id": short_text(f"{where}.call_id", given.get("call_id"), MAX_NAME_CHARS),
        "output": output,
        "status": given.get("status", "completed"),
    }


def _result_part(where: str, part: JSONObject) -> JSONObject:
    if part.get("type") != "input_text":
        raise _other_part(where, part, "'input_text'")
    return {"type": "input_text", "text": long_text(f"{where}.text", part.get("text"))}


def _reasoning(where: str, given: JSONObject) -> JSONObject:
    def read(kind: str) -> Callable[[str, JSONObject], JSONObject]:
        def part(where: str, part: JSONObject) -> JSONObject:
            if part.get("type") != kind:
                raise _other_part(where, part, repr(kind))
            return {"type": kind, "text": long_text(f"{where}.text", part.get("text"))}

        return part

    return {
        "id": new_id("rs"),
        "type": "reasoning",
        "summary": parts(f"{where}.summary", given.get("summary", []), read("summary_text")),
        "content": parts(f"{where}.content", given.get("content", []), read("reasoning_text")),
        "status": given.get("status", "completed"),
    }


_READERS: Mapping[str, Callable[[str, JSONObject], JSONObject]] = {
    "message": _message,
    "function_call": _call,
    "function_call_output": _result,
    "reasoning": _reasoning,
}


def long_text(where: str, value: Any) -> str:
    """A text of any length.

    :raises InvalidRequestError: it is none.
    """
    if not isinstance(value, str):
        raise invalid(where, f"{where} must be text, not {kind_of(value)}")
    check_text(where, value)
    return value


def short_text(where: str, value: Any, most: int) -> str:
    """A text of 1 to `most` characters.

    :raises InvalidRequestError: it is none.
    """
    text = long_text(where, value)
    if not 0 < len(text) <= most:
        raise invalid(where, f"{where} must have 1 to {most} characters")
    return text
