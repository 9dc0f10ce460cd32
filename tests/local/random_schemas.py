"""JSON schemas by chance: everything that is held, nested, and such that answers stay short."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

Schema = dict[str, Any]

_PATTERNS = ["^[a-z]{2,5}$", "^\\d{3}-\\d{2}$", "^(foo|bar)?[^\\s\"]{1,4}$", "^\\w+\\.(py|rs)$",
             "^[A-Z][a-z\\u00e0-\\u00ff]{0,6}\\S$", "^#[0-9a-fA-F]{6}$"]  # fmt: skip
_FORMATS = ["date", "time", "date-time", "uuid", "ipv4", "ipv6", "duration", "hostname"]
_VALUES = ["a", "é\n", "", 'quote"', 0, -3, 2.5, True, None, [1, "x"], {"k": None}, "\U0001f600"]


def random_schema(r: Random) -> Schema:
    """A schema, with a definition that its parts may refer to."""
    schema = _any(r, 3)
    schema["$defs"] = {"tree": _tree(r), "leaf": _any(r, 0)}
    return schema


def _any(r: Random, depth: int) -> Schema:
    kinds = _LEAVES if depth == 0 or r.random() < 0.25 else _LEAVES + _BRANCHES * 2
    schema = r.choice(kinds)(r, depth)
    if r.random() < 0.2:
        schema |= {"title": "T", "description": "what it is", "default": None}
    return schema


def _integer(r: Random, _: int) -> Schema:
    low = r.randint(-1000, 1000)
    bounds = {"minimum": low, "exclusiveMaximum": low + r.randint(20, 10_000)}
    kept = {name: value for name, value in bounds.items() if r.random() < 0.6}
    return (
        {"type": "integer"} | kept | ({"multipleOf": r.randint(2, 9)} if r.random() < 0.3 else {})
    )


def _number(r: Random, _: int) -> Schema:
    low = round(r.uniform(-50, 50), r.randint(0, 3))
    bounds = {"exclusiveMinimum": low, "maximum": round(low + r.uniform(0.5, 99), 2)}
    return {"type": "number"} | {name: value for name, value in bounds.items() if r.random() < 0.6}


def _string(r: Random, _: int) -> Schema:
    chance = r.random()
    if chance < 0.25:
        return {"type": "string", "pattern": r.choice(_PATTERNS), "maxLength": 20}
    if chance < 0.5:
        return {"type": "string", "format": r.choice(_FORMATS)}
    least = r.randint(0, 4)
    return {"type": "string", "minLength": least, "maxLength": least + r.randint(0, 12)}


def _fixed(r: Random, _: int) -> Schema:
    if r.random() < 0.3:
        return {"const": r.choice(_VALUES)}
    return {"enum": r.sample(_VALUES, r.randint(1, 5))}


def _types(r: Random, _: int) -> Schema:
    kinds = r.sample(["null", "boolean", "integer", "string"], 2)
    return {"type": kinds, "maxLength": 8, "minimum": 3}


def _leaf(r: Random, _: int) -> Schema:
    return r.choice([{"type": "null"}, {"type": "boolean"}, {"$ref": "#/$defs/tree"}])


def _reference(r: Random, _: int) -> Schema:
    return {"$ref": r.choice(["#/$defs/tree", "#/$defs/leaf"])}


def _array(r: Random, depth: int) -> Schema:
    least = r.randint(0, 2)
    schema = {"type": "array", "minItems": least, "maxItems": least + r.randint(0, 2)}
    if r.random() < 0.3:
        schema["prefixItems"] = [_any(r, depth - 1) for _ in range(2)]
    return schema | {"items": _any(r, depth - 1)}


def _object(r: Random, depth: int) -> Schema:
    names = r.sample(["a", "b2", "naïve", 'qu"ote', "long name", "$ref", "type"], r.randint(0, 4))
    schema: Schema = {
        "type": "object",
        "properties": {name: _any(r, depth - 1) for name in names},
        "required": [name for name in names if r.random() < 0.7],
    }
    chance = r.random()
    if chance < 0.4:
        schema["additionalProperties"] = False
    elif chance < 0.5:
        # What the names are is left open, so the count has to end the text.
        schema["additionalProperties"] = {"type": "null"}
        schema["required"], schema["maxProperties"] = names, len(names) + 1
    elif chance < 0.6:
        schema["patternProperties"] = {"^x[0-9]$": _any(r, 0)}
        schema["additionalProperties"] = False
    return schema


def _choice(r: Random, depth: int) -> Schema:
    return {"anyOf": [_any(r, depth - 1) for _ in range(r.randint(1, 3))]}


def _either(r: Random, depth: int) -> Schema:
    tagged = [
        {"type": "object", "additionalProperties": False, "required": ["kind", "value"],
         "properties": {"kind": {"const": kind}, "value": _any(r, depth - 1)}}
        for kind in ("x", "y")
    ]  # fmt: skip
    return {"oneOf": [*tagged, {"type": "null"}]}


def _both(r: Random, depth: int) -> Schema:
    parts: list[Schema] = [
        {"properties": {name: _any(r, depth - 1)}, "required": [name]} for name in ("p", "q")
    ]
    return {"type": "object", "allOf": parts, "maxProperties": 2}


def _tree(r: Random) -> Schema:
    return {
        "type": "object",
        "properties": {
            "value": _any(r, 0) if r.random() < 0.5 else {"type": "integer"},
            "next": {"anyOf": [{"type": "null"}, {"$ref": "#/$defs/tree"}]},
        },
        "required": ["next"],
        "additionalProperties": False,
    }


_Maker = Callable[[Random, int], Schema]
_LEAVES: list[_Maker] = [_integer, _number, _string, _fixed, _types, _leaf]
_BRANCHES: list[_Maker] = [_array, _object, _choice, _either, _both, _reference]
