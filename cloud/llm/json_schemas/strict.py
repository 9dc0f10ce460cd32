"""A plain schema as OpenAI's strict mode takes it. Pure.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from cloud.llm.json_schemas.check import LISTS, MAPS, ONES
from cloud.llm.json_schemas.nulls import with_nulls
from cloud.llm.json_schemas.plain import plain_parts
from LLM.schemas import OPENAI, fitted_schema, is_open

Schema = Mapping[str, Any]

#: The property that holds an answer that is no object, where only an object may be asked for.
VALUE = "value"

#: Keywords that no provider's constrained decoding holds.
NOT_HELD = frozenset(
    {"contains", "dependentRequired", "dependentSchemas", "else", "if", "maxContains"}
    | {"minContains", "not", "patternProperties", "propertyNames", "then"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
_MAX_PROPERTIES = 5000
_MAX_LEVELS = 10
_MAX_LISTED = 1000
_MAX_NAME_CHARS = 120_000
#: Of one list of texts with more than 250 of them.
_MANY, _MAX_MANY_CHARS = 250, 15_000


def strict_schema(schema: Schema) -> Schema | None:
    """The schema as strict mode takes it; None where it cannot hold an answer to it.

    :param schema: plain, with an object at its root.
    """
    if leaves_open(schema):
        return None
    strict: Schema = fitted_schema(with_nulls(schema), OPENAI, "response_format")
    return None if is_open(strict) or not _is_within_limits(strict) else strict


def in_object(schema: Schema) -> Schema:
    """The plain schema of an object that holds in `VALUE` what `schema` says."""
    inner = {key: value for key, value in schema.items() if key != "$defs"}
    wrapped = {"type": "object", "properties": {VALUE: inner}, "required": [VALUE]}
    return {**wrapped, "$defs": schema["$defs"]} if "$defs" in schema else wrapped


def leaves_open(schema: Schema) -> bool:
    """Whether a plain schema says what constrained decoding cannot hold an answer to.

    That is: keywords that decide by the value, and objects that are open by word.
    """
    return any(_leaves_open(one) for one in all_parts(schema))


def all_parts(schema: Schema) -> Iterator[Mapping[str, Any]]:
    """A plain schema, the schemas in it, and those that it defines."""
    yield from plain_parts(schema)
    for one in schema.get("$defs", {}).values():
        yield from plain_parts(one)


def _leaves_open(schema: Schema) -> bool:
    if not NOT_HELD.isdisjoint(schema):
        return True
    return schema.get("additionalProperties", False) is not False


def _is_within_limits(schema: Schema) -> bool:
    n_properties = n_listed = n_chars = 0
    for one in all_parts(schema):
        names = one.get("properties", ())
        listed = one.get("enum", ())
        texts = [text for text in (*listed, one.get("const")) if isinstance(text, str)]
        n_properties += len(names)
        n_listed += len(listed)
        n_chars += sum(map(len, names)) + sum(map(len, texts))
        if len(listed) > _MANY and sum(map(len, texts)) > _MAX_MANY_CHARS:
            return False
    definitions = schema.get("$defs", {})
    n_chars += sum(map(len, definitions))
    return (
        n_properties <= _MAX_PROPERTIES
        and n_listed <= _MAX_LISTED
        and n_chars <= _MAX_NAME_CHARS
        and max(map(_n_levels, (schema, *definitions.values()))) <= _MAX_LEVELS
    )


def _n_levels(schema: Any) -> int:
    """How deep objects and lists are nested, references not followed."""
    if not isinstance(schema, Mapping):
        return 0
    inner = 0
    for key, value in schema.items():
        if key in ONES:
            inner = max(inner, _n_levels(value))
        elif key in LISTS:
            inner = max(inner, *map(_n_levels, value))
        elif key in MAPS and key != "$defs":
            inner = max(inner, 0, *map(_n_levels, value.values()))
    return inner + ("properties" in schema or "items" in schema)
