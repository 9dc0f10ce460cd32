"""What each provider takes of JSON schema, and how a model answers that is held to one.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas,
https://platform.claude.com/docs/en/build-with-claude/structured-outputs,
https://ai.google.dev/api/generate-content#GenerationConfig, json-schema-to-grammar of llama.cpp.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from jsonschema import Draft202012Validator

from LLM.schemas import refers_to_itself

Schema = dict[str, Any]

_MAPS = ("properties", "$defs", "patternProperties", "dependentSchemas")
_LISTS = ("anyOf", "oneOf", "allOf", "prefixItems")
_ONES = ("items", "additionalProperties", "not", "if", "then", "else", "contains", "propertyNames")

_ALL = set("type title description enum const items anyOf properties required $defs $ref".split())
_BOUNDS = set("minimum maximum exclusiveMinimum exclusiveMaximum multipleOf".split())
_OPENAIS = (
    _ALL
    | _BOUNDS
    | set("additionalProperties format pattern minItems maxItems minLength maxLength".split())
)
_ANTHROPICS = _ALL | set("additionalProperties format pattern minItems default".split())
_GOOGLES = (_ALL - {"const"}) | set(
    "additionalProperties format prefixItems minItems maxItems minimum maximum default".split()
)
_OLLAMAS = _ALL | _BOUNDS | set(
    "additionalProperties format pattern minItems maxItems minLength maxLength default allOf "
    "prefixItems".split()
)  # fmt: skip


def schemas_in(schema: Any) -> Iterator[Schema]:
    """A schema and all those in it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for key, value in schema.items():
        inner = value.values() if key in _MAPS else value if key in _LISTS else [value]
        for one in inner if key in (*_MAPS, *_LISTS, *_ONES) else ():
            yield from schemas_in(one)


def check_openai(schema: Schema) -> None:
    assert schema["type"] == "object"
    for one in schemas_in(schema):
        assert set(one) <= _OPENAIS
        assert "$ref" not in one or len(one) == 1
        assert not one.keys().isdisjoint(("type", "anyOf", "$ref"))
        if "object" in one.get("type", ()):
            assert one["additionalProperties"] is False
            assert one["required"] == list(one["properties"])


def check_anthropic(schema: Schema) -> None:
    assert not refers_to_itself(schema)
    for one in schemas_in(schema):
        assert set(one) <= _ANTHROPICS
        assert one.get("minItems", 0) <= 1
        if "object" in one.get("type", ()):
            assert one["additionalProperties"] is False


def check_tool(schema: Schema) -> None:
    assert schema["type"] == "object"


def check_google(schema: Schema) -> None:
    for one in schemas_in(schema):
        assert set(one) <= _GOOGLES
        assert "$ref" not in one or all(key.startswith("$") for key in one)


def check_ollama(schema: Schema) -> None:
    for one in schemas_in(schema):
        assert set(one) <= _OLLAMAS
        assert one.get("maxLength", 0) < 2000
        pattern = one.get("pattern", "^$")
        assert pattern[0] + pattern[-1] == "^$"
        assert "(?" not in pattern


CHECKS: dict[str, Callable[[Schema], None]] = {
    "openai": check_openai,
    "lab": check_openai,
    "anthropic": check_anthropic,
    "claude 3": check_tool,
    "google": check_google,
    "ollama": check_ollama,
}


def check_references(schema: Schema) -> None:
    """References lead to definitions at the root."""
    for one in schemas_in(schema):
        assert one.get("$ref", "#/$defs/").startswith("#/$defs/")
        assert "$ref" not in one or one["$ref"][8:] in schema["$defs"]


def held_answer(value: Any, schema: Any) -> Any:
    """`value` as a model says it that is held to `schema`: with nulls for what is required."""
    held = _held(value, schema, schema) if isinstance(schema, dict) else value
    if "value" in schema.get("properties", {}) and not _is_valid(held, schema, schema):
        held = {"value": _held(value, schema["properties"]["value"], schema)}
    Draft202012Validator(schema).validate(held)
    return held


def _held(value: Any, schema: Any, root: Schema) -> Any:
    if not isinstance(schema, dict):
        return value
    if "$ref" in schema:
        return _held(value, root["$defs"][schema["$ref"][8:]], root)
    if "anyOf" in schema:
        options = (_held(value, one, root) for one in schema["anyOf"])
        fitting = zip(options, schema["anyOf"], strict=True)
        return next((held for held, one in fitting if _is_valid(held, one, root)), value)
    if isinstance(value, list):
        return [_held(one, schema.get("items", {}), root) for one in value]
    if isinstance(value, dict):
        properties = schema.get("properties", {})
        missing = {name: None for name in schema.get("required", ()) if name not in value}
        return {n: _held(one, properties.get(n), root) for n, one in (value | missing).items()}
    return value


def _is_valid(value: Any, schema: Any, root: Schema) -> bool:
    definitions = {"$defs": root["$defs"]} if "$defs" in root else {}
    return Draft202012Validator({**schema, **definitions}).is_valid(value)
