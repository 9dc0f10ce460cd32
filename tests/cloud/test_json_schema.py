"""A `JSONSchema` as `response_format`: what it becomes for each provider."""

from __future__ import annotations

import copy
import json
import time
from typing import Any

import pytest
from jsonschema import Draft202012Validator

from cloud.llm import InvalidRequestError, JSONSchema
from tests.cloud.asked import CODECS, body
from tests.cloud.asked_schemas import PERSON, WHOLE, thing


def strict(schema: Any) -> Any:
    """What OpenAI is asked to hold an answer to; None where it is not."""
    asked = JSONSchema(schema).openai_format["json_schema"]
    return asked["schema"] if asked["strict"] else None


def test_optional_properties_are_required_and_may_be_null() -> None:
    assert strict(PERSON) == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "age": {"type": "integer"},
            "email": {"type": ["string", "null"]},
        },
        "required": ["name", "age", "email"],
        "additionalProperties": False,
    }


@pytest.mark.parametrize(
    ("optional", "nullable"),
    [
        (WHOLE, {"type": ["integer", "null"]}),
        ({"type": ["integer", "null"]}, {"type": ["integer", "null"]}),
        ({"enum": ["a"]}, {"anyOf": [{"type": "string", "enum": ["a"]}, {"type": "null"}]}),
        ({"anyOf": [WHOLE]}, {"anyOf": [WHOLE, {"type": "null"}]}),
        (
            {"type": "string", "const": "a", "description": "It."},
            {"anyOf": [{"type": "string", "const": "a"}, {"type": "null"}], "description": "It."},
        ),
    ],
    ids=["type", "nullable already", "enum", "alternatives", "described"],
)
def test_any_optional_property_may_be_null(optional: Any, nullable: Any) -> None:
    assert strict(thing({"a": optional}))["properties"]["a"] == nullable


@pytest.mark.parametrize(
    "schema",
    [
        thing({}, additionalProperties=True),
        {"type": "object"},
        thing({"a": {}}),
        thing({"a": {"type": "object", "additionalProperties": WHOLE}}),
        thing({"a": WHOLE}, "b"),
        {**thing({"a": WHOLE}), "if": {"required": ["a"]}, "then": {}},
        {"allOf": [thing({"a": WHOLE}), thing({"b": WHOLE})]},
        thing({"a": {"enum": list(range(1001))}}),
        thing({"a": {"enum": [f"{i:060}" for i in range(251)]}}),
        thing({f"p{i}": WHOLE for i in range(5001)}),
        thing({f"{i:0200}": WHOLE for i in range(601)}),
    ],
    ids=["open", "any object", "any type", "map", "not described", "if", "all of", "values",
         "long values", "properties", "names"],
)  # fmt: skip
def test_what_strict_mode_cannot_hold_is_asked_for_without(schema: Any) -> None:
    assert strict(schema) is None
    assert JSONSchema(schema).openai_format["json_schema"]["schema"]["type"] == "object"


def test_who_wants_no_strictness_gets_the_schema_as_it_is() -> None:
    asked = JSONSchema(PERSON, "a person", strict=False, description="Of the text.")
    assert body("openai", response_format=asked)["response_format"] == {
        "type": "json_schema",
        "json_schema": {
            "name": "a_person",
            "description": "Of the text.",
            "schema": PERSON,
            "strict": False,
        },
    }


def test_an_answer_that_is_no_object_is_put_into_one_for_openai() -> None:
    assert strict({"type": "array", "items": {"$ref": "#/$defs/n"}, "$defs": {"n": WHOLE}}) == {
        "type": "object",
        "properties": {"value": {"type": "array", "items": {"$ref": "#/$defs/n"}}},
        "required": ["value"],
        "additionalProperties": False,
        "$defs": {"n": WHOLE},
    }


@pytest.mark.parametrize(
    ("reference", "name"),
    [("#/$defs/a", "a"), ("#/definitions/a", "a"), ("#/properties/x", "x"), ("#", "root"),
     ("#/$defs/o~1dd~0", "o_1dd_0")],
    ids=["definition", "draft 7", "property", "root", "escaped"],
)  # fmt: skip
def test_references_lead_to_definitions_at_the_root(reference: str, name: str) -> None:
    parts = {"a": WHOLE, "o/dd~": WHOLE}
    schema = {**thing({"x": WHOLE, "y": {"$ref": reference}}), "$defs": parts, "definitions": parts}
    plain = JSONSchema(schema).plain
    assert plain["properties"]["y"] == {"$ref": f"#/$defs/{name}"}
    assert list(plain["$defs"]) == [name]


@pytest.mark.parametrize(
    ("schema", "value"),
    [
        ({"not": {"exclusiveMinimum": 0}}, None),
        ({"if": {"minimum": 0}, "then": {"maxLength": 0}}, "a"),
        ({"contains": {"minimum": 0}, "maxContains": 1}, ["a", 1]),
        ({"required": ["a"], "additionalProperties": False}, {"a": 1}),
        ({"required": ["a"], "unevaluatedProperties": False}, {"a": 1}),
        ({"$ref": "#/$defs/a", "type": "object", "$defs": {"a": {"type": "string"}}}, {}),
        (
            {
                "$ref": "#/$defs/a",
                "additionalProperties": False,
                "$defs": {"a": {"properties": {"b": {}}}},
            },
            {"b": 1},
        ),
    ],
    ids=["not", "if", "most", "closed", "unevaluated", "beside a reference", "closed beside it"],
)
def test_saying_a_schema_plainly_never_makes_it_wider(schema: Any, value: Any) -> None:
    assert not Draft202012Validator(schema).is_valid(value)
    assert not Draft202012Validator(dict(JSONSchema(schema).plain)).is_valid(value)


def test_a_schema_within_keeps_its_own_definitions_apart() -> None:
    one, other = ({"$ref": f"#/properties/{n}/$defs/d", "$defs": {"d": {"type": t}}}
                  for n, t in (("a", "string"), ("b", "integer")))  # fmt: skip
    plain = JSONSchema(thing({"a": one, "b": other})).plain
    assert plain["$defs"] == {"d": {"type": "string"}, "d_2": {"type": "integer"}}


@pytest.mark.parametrize("name", ["anthropic", "gemini", "ollama"])
def test_others_leave_optional_properties_optional(name: str) -> None:
    sent = body(name, response_format=JSONSchema(PERSON))
    schema = {
        "anthropic": lambda: sent["output_config"]["format"]["schema"],
        "gemini": lambda: sent["generationConfig"]["responseJsonSchema"],
        "ollama": lambda: sent["format"],
    }[name]()
    assert schema["required"] == ["name", "age"]
    assert schema["properties"]["email"] == {"type": "string"}


@pytest.mark.parametrize(
    "schema",
    [
        thing({f"p{i}": WHOLE for i in range(25)}),
        thing({"a": thing({f"p{i}": {"type": ["integer", "null"]} for i in range(17)})}),
        thing({"a": {"$ref": "#"}}),
        {"type": "object", "additionalProperties": WHOLE},
    ],
    ids=["many optional", "many unions", "recursive", "map"],
)  # fmt: skip
def test_anthropic_is_told_in_the_prompt_what_it_would_refuse(schema: Any) -> None:
    sent = body("anthropic", response_format=JSONSchema(schema))
    assert "output_config" not in sent
    assert json.loads(sent["system"].split("\n\n")[-1]) == schema


def test_gemini_is_asked_for_a_recursive_property_as_optional() -> None:
    schema = thing({"v": WHOLE, "next": {"$ref": "#"}}, "v", "next")
    sent = body("gemini", response_format=JSONSchema(schema))
    assert sent["generationConfig"]["responseJsonSchema"]["required"] == ["v"]


def test_ollama_is_told_of_bounds_that_its_grammars_have_no_room_for() -> None:
    schema = thing({"a": {"type": "string", "maxLength": 5000}})
    sent = body("ollama", response_format=JSONSchema(schema))["format"]["properties"]["a"]
    assert sent == {"type": "string", "description": "(maxLength: 5000)"}


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        (5, "is a int; give a dict"),
        ({"type": "strin"}, r"\$\.type is 'strin'; it must be one of array, boolean"),
        ({"properties": {"a": {"type": []}}}, r"\$\.properties\.a\.type is a list; it must be"),
        ({"properties": {"a": 5}}, r"\$\.properties\.a is 5; a schema is an object, true or false"),
        ({"properties": [1]}, r"\$\.properties is a list; it must be an object of schemas"),
        ({"required": "a"}, r"\$\.required is 'a'; it must be a list of property names"),
        ({"enum": []}, r"\$\.enum is a list; it must be a list of values"),
        ({"anyOf": [{}, {"minLength": -1}]}, r"\$\.anyOf\[1\]\.minLength is -1; .* whole number"),
        ({"maxItems": float("inf")}, r"\$\.maxItems is inf; it must be a whole number"),
        ({"$ref": "#/allOf/" + "9" * 5000, "allOf": [{}]}, "and there is no schema there"),
        ({"minimum": "0"}, r"\$\.minimum is '0'; it must be a number"),
        ({"multipleOf": 0}, r"\$\.multipleOf is 0; it must be a number above 0"),
        ({"items": [{}]}, r"\$\.items is a list; .* now called prefixItems"),
        ({"pattern": 5}, r"\$\.pattern is 5; it must be text"),
        ({"$ref": "https://x.example/s"}, r"\$\.\$ref is 'https://x.*references stay in the schem"),
        ({"$ref": "#/$defs/a"}, r"\$\.\$ref is '#/\$defs/a', and there is no schema there"),
        ({"$ref": "#/x/a", "x": {"a": {"type": "strin"}}}, r"#/x/a\.type is 'strin'; it must be"),
        ({"$ref": "#/x", "x": {"items": {"$ref": "#/x/y"}}}, r"#/x\.items\.\$ref is '#/x/y', and"),
        ({"$ref": "#/x", "x": {"items": {"$ref": "#/y"}}, "y": {"not": {"$ref": "#/y"}}},
         "'#/y' leads back to itself"),
        ({"$dynamicRef": "#a"}, r"\$\.\$dynamicRef cannot be used; use \$ref"),
        ({"not": {"$id": "x"}}, r"\$\.not\.\$id begins a document of its own"),
        ({"$ref": "#"}, "'#' leads back to itself"),
        ({"anyOf": [{}, {"$ref": "#"}]}, "'#' leads back to itself"),
        ({"const": object()}, "cannot be written as JSON"),
        ({"enum": list(range(50_001))}, "holds more than 50,000 values"),
    ],
)  # fmt: skip
def test_what_is_no_schema_is_refused_with_its_place(schema: Any, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        JSONSchema(schema)


def test_schemas_that_are_too_deep_are_refused() -> None:
    deep: Any = {}
    for _ in range(101):
        deep = {"items": deep}
    with pytest.raises(InvalidRequestError, match="nested deeper than 100"):
        JSONSchema(deep)
    for _ in range(5000):
        deep = {"items": deep}
    with pytest.raises(InvalidRequestError, match="cannot be written as JSON"):
        JSONSchema(deep)


def test_a_name_must_be_text() -> None:
    with pytest.raises(InvalidRequestError, match="name is 5; give text"):
        JSONSchema({}, 5)  # type: ignore[arg-type]  # what is tested


def test_later_changes_of_the_callers_schema_change_nothing() -> None:
    mine = copy.deepcopy(PERSON)
    asked = JSONSchema(mine)
    mine["properties"] = {}
    assert asked.schema == PERSON


@pytest.mark.parametrize("provider", CODECS)
def test_the_callers_schema_is_not_changed(provider: str) -> None:
    asked = JSONSchema({**PERSON, "$defs": {"a": PERSON}, "anyOf": [{"$ref": "#/$defs/a"}]})
    before = json.dumps([asked.schema, asked.plain])
    body(provider, response_format=asked)
    assert json.dumps([asked.schema, asked.plain]) == before


def chain(length: int, last: Any) -> Any:
    """A schema of definitions that each refer to the next."""
    parts = {f"d{i}": thing({"x": {"$ref": f"#/$defs/d{i + 1}"}}) for i in range(length)}
    return {"$ref": "#/$defs/d0", "$defs": {**parts, f"d{length}": last}}


#: Schemas that take long where somebody looks at anything twice, each with an answer.
HOSTILE: dict[str, tuple[Any, str]] = {
    "chain": (chain(2000, WHOLE), '{"x": null}'),
    "long cycle": (chain(2000, {"$ref": "#/$defs/d0"}), '{"x": null}'),
    "doubling": (
        {"$ref": "#/$defs/d0", "$defs": {
            **{f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)},
            "d40": {"type": "string"},
        }},
        "null",
    ),
    "branches": (
        {"items": {"anyOf": [{"const": f"{i}"} for i in range(10_000)]}},
        json.dumps([None] + ["x"] * 50_000),
    ),
    "values": ({"items": {"enum": list(map(str, range(40_000)))}}, f"[null{', 0' * 50_000}]"),
    "names": (
        thing({f"p{i}": {"$ref": f"#/properties/p{i}/$defs/d", "$defs": {"d": WHOLE}}
               for i in range(2000)}),
        '{"p1": null}',
    ),
    "deep": ({"items": {"$ref": "#"}}, "[" * 190 + "null" + "]" * 190),
}  # fmt: skip


@pytest.mark.parametrize("name", HOSTILE)
def test_no_schema_and_no_answer_takes_long(name: str) -> None:
    schema, answer = HOSTILE[name]
    began = time.process_time()
    asked = JSONSchema(schema)
    for provider in CODECS:
        body(provider, response_format=asked)
    asked.read(answer)
    assert time.process_time() - began < 10
