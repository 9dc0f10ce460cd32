"""Schemas of pydantic classes, as OpenAI's strict mode takes them and where it takes none."""

from __future__ import annotations

import enum
from decimal import Decimal
from typing import Any, Literal

import pytest
from pydantic import AnyUrl, BaseModel, ConfigDict, Field, RootModel

from LLM import InvalidRequestError
from LLM.schemas import OPENAI, Subset, fitted_schema, is_open, refers_to_itself, rooted
from LLM.structured import response_format_of


class Node(BaseModel):
    value: int
    children: list[Node] = []


class Tree(BaseModel):
    root: Node


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Odd(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")
    price: Decimal = Field(max_digits=5, decimal_places=2)
    tags: set[str]
    home: AnyUrl
    color: Color = Field(Color.RED, description="Of its fur.")
    size: int | None = None


class Extended(BaseModel):
    model_config = ConfigDict(extra="allow")
    a: int


def asked(model: type[BaseModel]) -> Any:
    return response_format_of(model)["json_schema"]


def fitted(schema: Any, subset: Subset = OPENAI) -> Any:
    return fitted_schema(schema, subset, "response_format")


def test_a_class_that_refers_to_itself_is_an_object_that_can_be_resolved() -> None:
    made = asked(Node)
    assert made["strict"] is True
    assert made["schema"]["type"] == "object"
    assert made["schema"]["properties"]["children"]["items"] == {"$ref": "#/$defs/Node"}
    assert made["schema"]["$defs"]["Node"]["required"] == ["value", "children"]


def test_strict_schemas_hold_only_what_openai_takes() -> None:
    made = asked(Odd)
    fields = made["schema"]["properties"]
    assert made["strict"] is True
    assert [key for key in ("oneOf", "discriminator") if key in fields["pet"]] == []
    assert len(fields["pet"]["anyOf"]) == 2
    assert "(?" not in str(fields["price"].get("pattern", "")) + str(fields["price"]["anyOf"][0])
    assert fields["tags"]["description"] == "(uniqueItems: true)"
    assert fields["home"]["description"] == '(format: "uri")'
    assert fields["color"]["anyOf"] == [{"$ref": "#/$defs/Color"}]
    assert fields["color"]["description"] == 'Of its fur.\n\n(default: "red")'
    assert "default" not in fields["size"]


def test_patterns_that_look_around_are_told() -> None:
    schema = {"type": "string", "pattern": r"^(?!x)\d+$"}
    told = {"type": "string", "description": r'(pattern: "^(?!x)\\d+$")'}
    assert fitted(schema) == told
    assert fitted({"type": "string", "pattern": r"^(?:a|b)$"})["pattern"] == r"^(?:a|b)$"


def test_further_keys_that_a_class_allows_are_not_asked_for() -> None:
    made = asked(Extended)
    assert (made["strict"], made["schema"]["additionalProperties"]) == (True, False)


def made_of(**fields: Any) -> type[BaseModel]:
    namespace = {"__annotations__": fields}
    return type("Made", (BaseModel,), namespace)


OPEN = {
    "a dict": made_of(a=dict[str, int]),
    "a bare dict": made_of(a=dict),
    "anything": made_of(a=Any),
    "a bare list": made_of(a=list),
    "a tuple": made_of(a=tuple[int, str]),
    "a list of dicts": made_of(a=list[dict[str, int]]),
    "a dict or nothing": made_of(a=dict[str, int] | None),
    "a list at the root": RootModel[list[int]],
}


@pytest.mark.parametrize("model", OPEN.values(), ids=OPEN)
def test_what_strictness_would_forbid_is_asked_for_without_it(model: type[BaseModel]) -> None:
    made = asked(model)
    assert made["strict"] is False
    assert made["schema"] == model.model_json_schema()


CLOSED: dict[str, type[BaseModel]] = {
    "no fields": made_of(),
    "values": made_of(a=int | str | None, b=list[float], c=Literal["x"], d=Literal[1, 2]),
    "classes": Tree,
}


@pytest.mark.parametrize("model", CLOSED.values(), ids=CLOSED)
def test_what_can_be_held_is_strict(model: type[BaseModel]) -> None:
    assert asked(model)["strict"] is True


def test_names_that_are_keywords_elsewhere_stay() -> None:
    named = {"type": "object", "properties": {"default": {"type": "string"}, "oneOf": {"const": 1}}}
    found = fitted(named)
    assert found["properties"] == named["properties"]
    assert found["required"] == ["default", "oneOf"]


@pytest.mark.parametrize("keys", [("anyOf", "oneOf"), ("oneOf", "anyOf")], ids=str)
def test_of_two_sets_of_alternatives_one_is_held_and_the_other_told(keys: tuple[str, str]) -> None:
    alternatives = {"anyOf": [{"type": "string"}], "oneOf": [{"maxLength": 3}]}
    assert fitted({key: alternatives[key] for key in keys}) == {
        "anyOf": [{"type": "string"}],
        "description": '(oneOf: [{"maxLength":3}])',
    }


def test_a_constant_is_a_choice_of_one_where_there_are_none() -> None:
    plain = Subset(has_const=False)
    assert fitted({"const": "cat", "type": "string"}, plain) == {"enum": ["cat"], "type": "string"}
    assert fitted({"const": None}, plain) == {"const": None}


@pytest.mark.parametrize("bound", ["3", [1], None, {}], ids=repr)
def test_a_bound_that_is_no_number_is_left_to_who_checks_schemas(bound: Any) -> None:
    subset = Subset(min_items=frozenset({0, 1}), max_bound=1000)
    schema = {"type": "array", "minItems": bound, "maxItems": bound}
    assert fitted(schema, subset) == schema


def test_the_schema_given_is_not_changed() -> None:
    schema = Odd.model_json_schema()
    before = str(schema)
    fitted(schema)
    rooted(schema)
    assert str(schema) == before


def test_a_schema_of_no_end_is_refused() -> None:
    schema: dict[str, Any] = {}
    for _ in range(200):
        schema = {"items": schema}
    with pytest.raises(InvalidRequestError, match="response_format has a schema nested deeper"):
        fitted(schema)


ROOTS: dict[str, dict[str, Any]] = {
    "elsewhere": {"$ref": "https://x.example/schema"},
    "nowhere": {"$ref": "#/$defs/A", "$defs": {}},
    "no definitions": {"$ref": "#/$defs/A"},
}


@pytest.mark.parametrize("schema", ROOTS.values(), ids=ROOTS)
def test_a_root_that_cannot_be_resolved_stays(schema: dict[str, Any]) -> None:
    assert rooted(schema) == schema


def test_schemas_in_themselves_are_found() -> None:
    assert refers_to_itself(Node.model_json_schema())
    assert refers_to_itself(Tree.model_json_schema())
    assert refers_to_itself({"properties": {"a": {"$ref": "#"}}})
    assert not refers_to_itself(Odd.model_json_schema())


def test_a_schema_that_says_nothing_is_open() -> None:
    assert is_open(True)
    assert is_open({"title": "A"})
    assert is_open({"allOf": [{"type": "string"}]})
    assert not is_open({"enum": [1, "a"]})
