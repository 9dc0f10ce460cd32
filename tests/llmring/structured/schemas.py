"""JSON schemas as users write them, each with an answer that fits."""

from __future__ import annotations

from typing import Any

TEXT = {"type": "string"}
WHOLE = {"type": "integer"}
ADDRESS = {
    "type": "object",
    "properties": {"street": TEXT, "zip": {"type": "string", "pattern": "^[0-9]{5}$"}},
    "required": ["street"],
}


def thing(properties: Any, *required: str, **more: Any) -> dict[str, Any]:
    """An object's schema."""
    return {"type": "object", "properties": properties, "required": list(required), **more}


PERSON = thing({"name": TEXT, "age": WHOLE, "email": TEXT}, "name", "age")
NODE = thing({"value": WHOLE, "next": {"$ref": "#/$defs/node"}}, "value")
TREE = thing({"name": TEXT, "children": {"type": "array", "items": {"$ref": "#"}}}, "name")
CAT = thing({"kind": {"const": "cat"}, "lives": WHOLE}, "kind")
DOG = thing({"kind": {"const": "dog"}, "name": TEXT}, "kind", "name")

#: By what they are there for.
CASES: dict[str, tuple[dict[str, Any], Any]] = {
    "seed 001": (PERSON, {"name": "Ada", "age": 36}),
    "all optional": (thing({"a": TEXT, "b": WHOLE}), {"b": 1}),
    "none": (thing({}), {}),
    "all required": (thing({"a": TEXT, "b": WHOLE}, "a", "b"), {"a": "", "b": -1}),
    "closed": (thing({"a": TEXT}, "a", additionalProperties=False), {"a": "é"}),
    "open by word": (thing({"a": TEXT}, "a", additionalProperties=True), {"a": "x", "b": [1]}),
    "any keys": ({"type": "object"}, {"x": 1}),
    "a map": ({"type": "object", "additionalProperties": WHOLE}, {"x": 1, "y": 2}),
    "a map within": (
        thing({"counts": {"type": "object", "additionalProperties": WHOLE}}, "counts"),
        {"counts": {"x": 1}},
    ),
    "a list within": (thing({"tags": {"type": "array", "items": TEXT}}), {"tags": ["a", "b"]}),
    "objects in a list": (
        thing({"homes": {"type": "array", "items": ADDRESS}}, "homes"),
        {"homes": [{"street": "x"}, {"street": "y", "zip": "12345"}]},
    ),
    "an object within": (thing({"home": ADDRESS}), {"home": {"street": "x"}}),
    "four deep": (thing({"a": thing({"b": thing({"c": thing({"d": WHOLE})})})}), {"a": {"b": {}}}),
    "twelve deep": (
        thing({"a": thing({"b": thing({"c": thing({"d": thing({"e": thing({"f": thing({"g":
        thing({"h": thing({"i": thing({"j": thing({"k": thing({"l": WHOLE})})})})})})})})})})})}),
        {"a": {"b": {}}},
    ),
    "nullable by types": (thing({"a": {"type": ["string", "null"]}}, "a"), {"a": None}),
    "nullable and optional": (thing({"a": {"type": ["string", "null"]}}), {"a": None}),
    "nullable by alternatives": (
        thing({"a": {"anyOf": [WHOLE, {"type": "null"}]}}, "a"), {"a": None},
    ),
    "several types": (thing({"a": {"type": ["string", "integer"]}}), {"a": 5}),
    "alternatives": (thing({"a": {"anyOf": [WHOLE, TEXT]}}, "a"), {"a": "x"}),
    "one of": (thing({"pet": {"oneOf": [CAT, DOG]}}, "pet"), {"pet": {"kind": "cat"}}),
    "one of, optional": (thing({"pet": {"oneOf": [CAT, DOG]}}), {}),
    "all of one": (thing({"home": {"allOf": [ADDRESS]}}), {"home": {"street": "x"}}),
    "all of several": (
        {"allOf": [thing({"a": WHOLE}, "a"), thing({"b": TEXT}, "b")]}, {"a": 1, "b": "x"},
    ),
    "both kinds of alternatives": (
        thing({"a": {"anyOf": [WHOLE, TEXT], "oneOf": [{"const": 1}, {"const": "x"}]}}, "a"),
        {"a": 1},
    ),
    "enum": (thing({"color": {"type": "string", "enum": ["red", "blue"]}}), {"color": "red"}),
    "enum without a type": (thing({"x": {"enum": ["a", 1, None]}}, "x"), {"x": None}),
    "enum, nullable": (
        thing({"x": {"type": ["string", "null"], "enum": ["a", None]}}), {"x": None},
    ),
    "const": (thing({"x": {"const": "only"}, "y": {"const": 5}}, "x"), {"x": "only"}),
    "bounds": (
        thing({
            "a": {"type": "integer", "minimum": 0, "maximum": 10},
            "b": {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            "c": {"type": "integer", "multipleOf": 5},
        }),
        {"a": 10, "b": 0.5, "c": 15},
    ),
    "lengths": (
        thing({
            "a": {"type": "string", "minLength": 1, "maxLength": 5000},
            "b": {"type": "array", "items": WHOLE, "minItems": 2, "maxItems": 3},
        }),
        {"a": "x", "b": [1, 2]},
    ),
    "unique items": (
        thing({"a": {"type": "array", "items": TEXT, "uniqueItems": True}}), {"a": ["x", "y"]},
    ),
    "number of properties": (
        {**thing({"a": WHOLE, "b": WHOLE}), "minProperties": 1, "maxProperties": 1}, {"b": 1},
    ),
    "formats": (
        thing({
            "when": {"type": "string", "format": "date-time"},
            "mail": {"type": "string", "format": "email"},
            "phone": {"type": "string", "format": "phone"},
        }),
        {"when": "2026-01-01T00:00:00Z", "mail": "a@b.example"},
    ),
    "pattern": (thing({"zip": {"type": "string", "pattern": "^[0-9]{5}$"}}), {"zip": "12345"}),
    "loose pattern": (thing({"a": {"type": "string", "pattern": "b+"}}), {"a": "abbc"}),
    "definitions": (
        {**thing({"home": {"$ref": "#/$defs/address"}}), "$defs": {"address": ADDRESS}},
        {"home": {"street": "x"}},
    ),
    "definitions of draft 7": (
        {**thing({"home": {"$ref": "#/definitions/a"}}, "home"), "definitions": {"a": ADDRESS},
         "$schema": "http://json-schema.org/draft-07/schema#"},
        {"home": {"street": "x"}},
    ),
    "a described reference": (
        {**thing({"home": {"$ref": "#/$defs/a", "description": "Of birth."}}),
         "$defs": {"a": ADDRESS}},
        {"home": {"street": "x"}},
    ),
    "a reference to a property": (
        thing({"a": ADDRESS, "b": {"$ref": "#/properties/a"}}, "a"),
        {"a": {"street": "x"}, "b": {"street": "y"}},
    ),
    "a root that is a reference": (
        {"$ref": "#/$defs/person", "$defs": {"person": PERSON}}, {"name": "x", "age": 1},
    ),
    "a list that links": (
        {**NODE, "$defs": {"node": NODE}}, {"value": 1, "next": {"value": 2, "next": {"value": 3}}},
    ),
    "a tree": (TREE, {"name": "a", "children": [{"name": "b"}]}),
    "a list at the root": ({"type": "array", "items": PERSON}, [{"name": "x", "age": 1}]),
    "a number at the root": ({"type": "integer", "minimum": 1}, 5),
    "an enum at the root": ({"enum": ["yes", "no"]}, "no"),
    "alternatives at the root": ({"anyOf": [CAT, DOG]}, {"kind": "dog", "name": "Rex"}),
    "a tuple": (
        thing({"at": {"type": "array", "prefixItems": [WHOLE, TEXT], "items": False}}, "at"),
        {"at": [1, "x"]},
    ),
    "anything": (thing({"a": {}, "b": True}), {"a": [None], "b": {"x": 1}}),
    "no types": ({"properties": {"a": {"minimum": 5}}, "required": ["a"]}, {"a": 5}),
    "annotated": (
        thing({"a": {"type": "string", "title": "A", "default": "x", "examples": ["y"],
                     "$comment": "?", "x-order": 1, "readOnly": True}}, title="Thing"),
        {"a": "z"},
    ),
    "if, then": (
        {**thing({"a": WHOLE, "b": WHOLE}), "if": {"properties": {"a": {"const": 1}},
         "required": ["a"]}, "then": {"required": ["b"]}},
        {"a": 1, "b": 2},
    ),
    "not": (thing({"a": {"type": "string", "not": {"enum": ["x"]}}}), {"a": "y"}),
    "dependent": ({**thing({"a": WHOLE, "b": WHOLE}), "dependentRequired": {"a": ["b"]}}, {"b": 1}),
    "properties by pattern": (
        {"type": "object", "patternProperties": {"^n": WHOLE}, "additionalProperties": False},
        {"n1": 1},
    ),
    "required but not described": (
        {"type": "object", "properties": {"a": WHOLE}, "required": ["a", "b"]}, {"a": 1, "b": 2},
    ),
    "odd names": (
        thing({"$ref": TEXT, "a b": WHOLE, "type": TEXT, "required": WHOLE, "é/~": WHOLE}, "type"),
        {"type": "x", "$ref": "y", "é/~": 1},
    ),
    "thirty optional": (thing({f"p{i}": WHOLE for i in range(30)}), {"p7": 7}),
    "many options": (
        thing({"x": {"type": "string", "enum": [f"v{i}" for i in range(1200)]}}, "x"), {"x": "v7"},
    ),
}  # fmt: skip
