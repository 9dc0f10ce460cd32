"""A pydantic class as `response_format`: what a provider gets keeps to its own rules for schemas.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas,
https://platform.claude.com/docs/en/build-with-claude/structured-outputs,
https://ai.google.dev/api/generate-content#GenerationConfig, json-schema-to-grammar of llama.cpp.
"""

from __future__ import annotations

import datetime
import enum
import json
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, Literal, TypedDict

import pytest
from pydantic import AnyUrl, BaseModel, Field, RootModel

from cloud.llm import InvalidRequestError, LLMResponseError
from LLM.schemas import refers_to_itself
from tests.cloud.anthropic import wire as anthropic_wire
from tests.cloud.asked import CODECS, USER, body
from tests.cloud.gemini import wire as gemini_wire
from tests.cloud.official_types import JUDGES
from tests.cloud.ollama import wire as ollama_wire
from tests.cloud.openai import wire as openai_wire
from tests.cloud.play import PROVIDERS, SETTINGS
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer


class Color(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Inner(BaseModel):
    x: float = Field(description="From the left.", ge=0, lt=1)


class Values(BaseModel):
    name: str = Field(min_length=1, max_length=9, pattern=r"\w+")
    count: int = Field(ge=0, le=10, multiple_of=2)
    color: Color = Field(Color.RED, description="Of all of it.")
    kind: Literal["a", "b"] | None = None
    one: Literal["only"]
    when: datetime.datetime
    lasts: datetime.timedelta | None = None
    price: Decimal = Field(max_digits=6, decimal_places=2)
    key: uuid.UUID
    home: AnyUrl | None = None
    tags: set[str] = set()


class Nested(BaseModel):
    inner: Inner = Field(description="The first.")
    others: list[Inner] = Field([], max_length=3)
    either: Inner | Values | int | None = None


class Cat(BaseModel):
    kind: Literal["cat"]


class Dog(BaseModel):
    kind: Literal["dog"]
    name: str


class Tagged(BaseModel):
    pet: Cat | Dog = Field(discriminator="kind")


class Node(BaseModel):
    value: int
    children: list[Node] = []
    next: Node | None = None


class Tree(BaseModel):
    """A tree."""

    root: Node


class Counts(BaseModel):
    counts: dict[str, int]
    anything: Any = None
    pair: tuple[int, str] = (0, "")


class Empty(BaseModel):
    pass


CLASSES: dict[str, type[BaseModel]] = {
    kind.__name__: kind for kind in (Values, Nested, Tagged, Node, Tree, Counts, Empty)
}
Schema = dict[str, Any]


def schemas_in(schema: Any) -> Iterator[Schema]:
    """A schema and all those in it."""
    if not isinstance(schema, dict):
        return
    yield schema
    for key, value in schema.items():
        if key in ("properties", "$defs"):
            inner = list(value.values())
        else:
            inner = value if isinstance(value, list) else [value]
        for one in inner if key not in ("enum", "required", "default") else ():
            yield from schemas_in(one)


def check_references(schema: Schema) -> None:
    for one in schemas_in(schema):
        reference = one.get("$ref")
        assert reference is None or reference.removeprefix("#/$defs/") in schema["$defs"]


def check_openai(sent: Schema, kind: type[BaseModel]) -> None:
    asked = sent["response_format"]["json_schema"]
    assert asked["strict"] is (kind is not Counts)
    assert asked["schema"]["type"] == "object"
    check_references(asked["schema"])
    for one in schemas_in(asked["schema"]) if asked["strict"] else ():
        assert one.keys().isdisjoint(("oneOf", "allOf", "default", "uniqueItems", "discriminator"))
        assert "$ref" not in one or len(one) == 1
        assert one.get("format") in (None, "date-time", "duration", "uuid")
        assert "(?!" not in one.get("pattern", "")
        if one.get("type") == "object":
            assert one["additionalProperties"] is False
            assert one["required"] == list(one["properties"])


def check_anthropic(sent: Schema, kind: type[BaseModel]) -> None:
    if kind in (Node, Tree, Counts):
        assert "output_config" not in sent
        assert json.loads(sent["system"].split("\n\n")[-1]) == kind.model_json_schema()
        return
    schema = sent["output_config"]["format"]["schema"]
    check_references(schema)
    assert not refers_to_itself(schema)
    for one in schemas_in(schema):
        assert one.keys().isdisjoint(("minimum", "maxLength", "maxItems", "oneOf", "multipleOf"))
        assert one.get("type") != "object" or one["additionalProperties"] is False


#: https://ai.google.dev/api/generate-content#GenerationConfig; the last is ignored without harm.
_GOOGLES = set(
    """
    $id $defs $ref $anchor type format title description enum items prefixItems minItems maxItems
    minimum maximum anyOf properties additionalProperties required propertyOrdering default
    """.split()
)


def check_gemini(sent: Schema, kind: type[BaseModel]) -> None:
    schema = sent["generationConfig"]["responseJsonSchema"]
    check_references(schema)
    for one in schemas_in(schema):
        assert set(one) <= _GOOGLES
        assert "$ref" not in one or all(key.startswith("$") for key in one)
    # A reference to oneself may only be in what need not be there.
    node = schema.get("$defs", {}).get("Node", {"required": ["value"]})
    assert node["required"] == ["value"]


def check_ollama(sent: Schema, kind: type[BaseModel]) -> None:
    check_references(sent["format"])
    assert sent["format"]["type"] == "object"
    for one in schemas_in(sent["format"]):
        pattern = one.get("pattern", "^$")
        assert pattern[0] + pattern[-1] == "^$"
        assert "(?" not in pattern


CHECKS: dict[str, Callable[[Schema, type[BaseModel]], None]] = {
    "openai": check_openai,
    "anthropic": check_anthropic,
    "gemini": check_gemini,
    "ollama": check_ollama,
}


@pytest.mark.parametrize("name", CLASSES)
@pytest.mark.parametrize("provider", CODECS)
def test_each_provider_gets_a_schema_that_it_takes(provider: str, name: str) -> None:
    sent = body(provider, response_format=CLASSES[name])
    JUDGES[provider]()(sent)
    CHECKS[provider](sent, CLASSES[name])


VALUE = Nested(
    inner=Inner(x=0.5),
    either=Values(
        name="n", count=2, one="only", when=datetime.datetime(2026, 1, 1), price=Decimal("1.50"),
        key=uuid.UUID(int=1), home=AnyUrl("https://x.example/"), tags={"t"},
    ),
)  # fmt: skip
SAYS: dict[str, Callable[[str], Any]] = {
    "openai": openai_wire.plain,
    "anthropic": lambda text: anthropic_wire.message(anthropic_wire.text(text)),
    "gemini": lambda text: gemini_wire.answer(gemini_wire.text(text)),
    "ollama": ollama_wire.whole,
}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_answers_become_objects_of_the_class(provider: Any) -> None:
    answers = [wire.answer(SAYS[provider.name](text)) for text in (VALUE.model_dump_json(), "{}")]
    with (
        ScriptedServer(answers) as server,
        provider.client(base_url=server.url, **SETTINGS) as client,
    ):
        assert client.chat([USER], response_format=Nested).parsed == VALUE
        with pytest.raises(LLMResponseError, match="the answer does not fit Nested"):
            client.chat([USER], response_format=Nested)


class Typed(TypedDict):
    a: int


@dataclass
class Plain:
    a: int


@pytest.mark.parametrize("kind", [Typed, Plain, list[int], 5, "json"])
@pytest.mark.parametrize("provider", CODECS)
def test_other_classes_are_refused_by_name(provider: str, kind: Any) -> None:
    with pytest.raises(InvalidRequestError, match=r"response_format is .*; give a pydantic class"):
        body(provider, response_format=kind)


def test_a_list_at_the_root_is_asked_for_of_those_who_take_one() -> None:
    kind = RootModel[list[Inner]]
    assert body("gemini", response_format=kind)["generationConfig"]["responseJsonSchema"]["items"]
    assert body("ollama", response_format=kind)["format"]["type"] == "array"
    assert body("anthropic", response_format=kind)["output_config"]["format"]["schema"]["items"]
