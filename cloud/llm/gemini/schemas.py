"""JSON schemas as Gemini's constrained decoding takes them. Pure.

Source: https://ai.google.dev/api/generate-content#GenerationConfig.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from cloud.llm.codec import ChatCall
from cloud.llm.json_schema import N_SCHEMAS, JSONSchema
from cloud.llm.json_schemas.plain import references
from cloud.llm.json_schemas.strict import NOT_HELD
from cloud.llm.response_formats import wanted_schema
from LLM.schemas import Subset, fitted_schema, recurring

#: What `responseJsonSchema` takes; the rest it ignores.
#: Source: https://ai.google.dev/api/generate-content#GenerationConfig.
GEMINI = Subset(
    frozenset(
        """
        exclusiveMaximum exclusiveMinimum maxContains maxLength maxProperties minContains minLength
        minProperties multipleOf uniqueItems
        """.split()
    ),
    frozenset({"date-time", "date", "time"}),
    patterns=None,
    has_const=False,
)
#: The same for schemas that anyone wrote: of what it ignores, the model is told.
GEMINI_SCHEMA = replace(GEMINI, not_held=GEMINI.not_held | NOT_HELD | {"allOf"})


def format_fields(call: ChatCall) -> dict[str, Any]:
    """The fields that ask for JSON.

    A class's own schema is taken, whose optional fields need not be there: in required ones Google
    refuses schemas that refer to themselves.
    """
    schema = wanted_schema(call.response_format, "Gemini")
    if schema is None:
        return {}
    if call.json_schema is not None:
        schema = _fitted(call.json_schema)
    else:
        schema = fitted_schema(call.class_schema or schema, GEMINI, "response_format")
    asked = {"responseJsonSchema": schema} if schema else {}
    return {"responseMimeType": "application/json", **asked}


@lru_cache(maxsize=N_SCHEMAS)
def _fitted(asked: JSONSchema) -> Mapping[str, Any]:
    plain = _recurring_by_choice(asked.plain)
    fitted: Mapping[str, Any] = fitted_schema(plain, GEMINI_SCHEMA, "response_format")
    return fitted


def _recurring_by_choice(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """A plain schema whose properties need not be there where they lead back to themselves."""
    definitions = schema.get("$defs", {})
    uses = {name: set(references(one)) for name, one in definitions.items()}
    names = recurring(uses)
    return _optional(schema, names) if names else schema


def _optional(schema: Any, names: set[str]) -> Any:
    if isinstance(schema, list):
        return [_optional(one, names) for one in schema]
    if not isinstance(schema, Mapping):
        return schema
    copy = {key: _optional(value, names) for key, value in schema.items()}
    properties = schema.get("properties")
    if isinstance(schema.get("required"), list) and isinstance(properties, Mapping):
        copy["required"] = [
            name
            for name in schema["required"]
            if names.isdisjoint(references(properties.get(name)))
        ]
    return copy
