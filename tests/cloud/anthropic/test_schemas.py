"""What becomes of schemas that Anthropic would refuse."""

from __future__ import annotations

from typing import Any, Literal

import pytest
from pydantic import BaseModel, Field

from cloud.llm.anthropic.schemas import held_schema
from LLM.structured import response_format_of

OPEN = {"type": "object", "properties": {"a": {"type": "string"}}}
CLOSED = {**OPEN, "additionalProperties": False}

SCHEMAS: dict[str, tuple[Any, Any]] = {
    "object": (OPEN, CLOSED),
    "object within": (
        {"type": "array", "items": OPEN, "minItems": 1},
        {"type": "array", "items": CLOSED, "minItems": 1},
    ),
    "definitions": (
        {"$defs": {"type": OPEN}, "$ref": "#/$defs/type"},
        {"$defs": {"type": CLOSED}, "$ref": "#/$defs/type"},
    ),
    "an object that says it is open": (
        {**OPEN, "additionalProperties": True},
        {**OPEN, "additionalProperties": True},
    ),
    "bounds": (
        {"type": "integer", "minimum": 1, "maximum": 10},
        {"type": "integer", "description": "(minimum: 1, maximum: 10)"},
    ),
    "bounds and a description": (
        {"type": "string", "description": "A code.", "maxLength": 3},
        {"type": "string", "description": "A code.\n\n(maxLength: 3)"},
    ),
    "a field called minimum": (
        {"type": "object", "properties": {"minimum": {"type": "number"}}},
        {
            "type": "object",
            "properties": {"minimum": {"type": "number"}},
            "additionalProperties": False,
        },
    ),
    "several at least": (
        {"type": "array", "minItems": 2},
        {"type": "array", "description": "(minItems: 2)"},
    ),
    "known format": ({"type": "string", "format": "date"}, {"type": "string", "format": "date"}),
    "other format": (
        {"type": "string", "format": "regex"},
        {"type": "string", "description": '(format: "regex")'},
    ),
    "format that is none": (
        {"format": [1]},
        {"description": "(format: [1])"},
    ),
    "one of": (
        {"oneOf": [OPEN, {"type": "null"}], "discriminator": {"propertyName": "a"}},
        {"anyOf": [CLOSED, {"type": "null"}]},
    ),
    "enum": ({"enum": ["a", 1], "pattern": "a|1"}, {"enum": ["a", 1], "pattern": "a|1"}),
    "no object": (True, True),
}


@pytest.mark.parametrize(("schema", "held"), SCHEMAS.values(), ids=SCHEMAS)
def test_what_is_not_held_is_told(schema: Any, held: Any) -> None:
    assert held_schema(schema, "response_format") == held


class Cat(BaseModel):
    kind: Literal["cat"]
    lives: int = Field(ge=0, le=9)


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str = Field(min_length=1, description="What it hears to.")


class Home(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")
    rooms: list[float] = Field(max_length=3)


def test_the_schema_given_stays_as_it_was() -> None:
    schema = response_format_of(Home)["json_schema"]["schema"]
    before = str(schema)
    held = held_schema(schema, "response_format")
    assert str(schema) == before
    assert held["$defs"]["Cat"]["properties"]["lives"]["description"] == "(maximum: 9, minimum: 0)"
    assert held["$defs"]["Dog"]["properties"]["name"]["description"] == (
        "What it hears to.\n\n(minLength: 1)"
    )
    assert len(held["properties"]["pet"]["anyOf"]) == 2
