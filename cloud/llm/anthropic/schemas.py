"""JSON schemas as Anthropic's constrained decoding takes them. Pure.

It refuses bounds on numbers and lengths, most formats of strings, and objects that are open. The
model is told of such bounds in the description instead, as Anthropic's SDK does it; a pydantic
class still checks them when the answer is there.

Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic_core import to_json

from LLM.exceptions import InvalidRequestError

#: Deeper schemas are refused here, before they exhaust anyone's stack.
MAX_DEPTH = 100

_NOT_HELD = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties"}
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
_MAPS = ("properties", "$defs", "definitions")


def held_schema(schema: Any, name: str, depth: int = 0) -> Any:
    """A copy of a schema that the API holds answers to.

    An object that does not say whether it is open is closed; one that says that it is stays so,
    and is refused by the API.

    :param name: the argument that it came in, for the error.
    :raises InvalidRequestError: it is nested deeper than `MAX_DEPTH`.
    """
    if depth > MAX_DEPTH:
        raise InvalidRequestError(f"{name} has a schema nested deeper than {MAX_DEPTH}")
    if isinstance(schema, list):
        return [held_schema(item, name, depth + 1) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    held: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for key, value in schema.items():
        if key in _MAPS and isinstance(value, Mapping):
            held[key] = {own: held_schema(item, name, depth + 1) for own, item in value.items()}
        elif key in ("anyOf", "oneOf", "allOf", "items"):
            held["anyOf" if key == "oneOf" else key] = held_schema(value, name, depth + 1)
        elif _is_held(key, value):
            held[key] = value
        elif key != "discriminator":  # OpenAPI's, which pydantic writes beside oneOf
            told[key] = value
    if held.get("type") == "object":
        held.setdefault("additionalProperties", False)
    if told:
        held["description"] = _described(held.get("description"), told)
    return held


def _is_held(key: str, value: Any) -> bool:
    if key == "format":
        return isinstance(value, str) and value in _FORMATS
    if key == "minItems":
        return value in (0, 1)
    return key not in _NOT_HELD and key != "discriminator"


def _described(description: Any, told: Mapping[str, Any]) -> str:
    bounds = ", ".join(f"{key}: {_text(value)}" for key, value in told.items())
    return f"{description}\n\n({bounds})" if description else f"({bounds})"


def _text(value: Any) -> str:
    try:
        return to_json(value).decode()
    except ValueError:
        return str(value)
