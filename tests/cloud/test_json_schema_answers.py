"""What is made of the answer to a `JSONSchema`: its value, as the schema was meant."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cloud import close_all_cloud_clients
from cloud.llm import JSONSchema
from tests.cloud.asked_schemas import PERSON, USER, WHOLE, thing
from tests.cloud.play import PROVIDERS, SETTINGS
from tests.cloud.test_structured import SAYS
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer


@pytest.mark.parametrize(
    ("text", "value", "own_text"),
    [
        ('{"name": "A", "age": 1}', {"name": "A", "age": 1}, '{"name": "A", "age": 1}'),
        ('{"name":"A","age":1,"email":null}', {"name": "A", "age": 1}, '{"name":"A","age":1}'),
        ('{"name":"A","age":null}', {"name": "A", "age": None}, '{"name":"A","age":null}'),
        ('```json\n{"name": "A"}\n```', {"name": "A"}, '{"name": "A"}'),
        ('Here you are:\n```\n{"name": "`"}\n```\nDone.', {"name": "`"}, '{"name": "`"}'),
        ('```json\n{"name": "```"}\n```', {"name": "```"}, '{"name": "```"}'),
    ],
    ids=["as it is", "null for none", "null for what is required", "code", "words around", "fence"],
)
def test_a_text_is_read(text: str, value: Any, own_text: str) -> None:
    assert JSONSchema(PERSON).read(text) == (value, own_text)


@pytest.mark.parametrize(
    "text",
    ["", "no", '{"a":', "NaN", "```\n{}\n```\n```\n{}\n```", "```", "``` {} ```x y\n1```",
     "[" + "0," * 100_001 + "0]", "[" * 100_000],
    ids=["nothing", "prose", "cut", "no number", "two blocks", "a fence", "no language", "huge",
         "deep"],
)  # fmt: skip
def test_a_text_without_json_has_no_value(text: str) -> None:
    with pytest.raises(ValueError, match=r"at line|values"):
        JSONSchema(PERSON).read(text)


def test_the_object_around_an_answer_is_taken_off() -> None:
    assert JSONSchema({"type": "array"}).read('{"value":[1]}') == ([1], "[1]")
    assert JSONSchema({"type": "array"}).read("[1]") == ([1], "[1]")
    own = thing({"value": WHOLE}, "value")
    assert JSONSchema(own).read('{"value": 1}') == ({"value": 1}, '{"value": 1}')
    either = JSONSchema({"anyOf": [own, WHOLE]})
    assert either.read('{"value": 1}')[0] == {"value": 1}
    assert either.read('{"value": {"value": 1}}')[0] == {"value": 1}


CAT = thing(
    {"kind": {"const": "cat"}, "lives": WHOLE, "name": {"type": ["string", "null"]}}, "kind"
)
DOG = thing({"kind": {"const": "dog"}, "name": {"type": "string"}}, "kind")


@pytest.mark.parametrize("keyword", ["anyOf", "oneOf"])
def test_nulls_are_dropped_as_the_alternative_has_it_that_fits(keyword: str) -> None:
    schema = thing({"pets": {"type": "array", "items": {keyword: [CAT, DOG]}}})
    text = json.dumps({"pets": [{"kind": "cat", "lives": None, "name": None},
                                {"kind": "dog", "name": None}]})  # fmt: skip
    value, _ = JSONSchema(schema).read(text)
    assert value == {"pets": [{"kind": "cat", "name": None}, {"kind": "dog"}]}


@pytest.mark.parametrize("provider", PROVIDERS, ids=lambda provider: provider.name)
def test_both_twins_give_the_value(provider: Any) -> None:
    asked = JSONSchema(PERSON)
    texts = ['{"name":"A","age":1,"email":null}', "no"] * 2
    answers = [wire.answer(SAYS[provider.name](text)) for text in texts]

    async def ask(url: str) -> list[Any]:
        client = provider.async_client(base_url=url, **SETTINGS)
        try:
            return [await client.chat([USER], response_format=asked) for _ in range(2)]
        finally:
            await close_all_cloud_clients()

    with (
        ScriptedServer(answers) as server,
        provider.client(base_url=server.url, **SETTINGS) as client,
    ):
        found = [client.chat([USER], response_format=asked) for _ in range(2)]
        found += asyncio.run(ask(server.url))
    told = [(one.parsed, one.content) for one in found]
    assert told == [({"name": "A", "age": 1}, '{"name":"A","age":1}'), (None, "no")] * 2


SCALARS = st.sampled_from(
    [
        ({"type": "string"}, "x"),
        (WHOLE, 5),
        ({"type": ["integer", "null"]}, None),
        ({"enum": ["a", "b"]}, "b"),
        ({"anyOf": [WHOLE, {"type": "boolean"}]}, True),
    ]
)


def objects(inner: Any) -> Any:
    """Schemas of objects, each with a value that fits."""

    def made(parts: Any) -> Any:
        names = [f"p{i}" for i in range(len(parts))]
        required = [n for n, (_, _, needed, _) in zip(names, parts, strict=True) if needed]
        schema = thing({n: part[0] for n, part in zip(names, parts, strict=True)}, *required)
        value = {n: part[1] for n, part in zip(names, parts, strict=True) if part[2] or part[3]}
        return schema, value

    part = st.tuples(inner, st.booleans(), st.booleans()).map(lambda p: (*p[0], p[1], p[2]))
    return st.lists(part, max_size=4).map(made)


def lists(inner: Any) -> Any:
    return st.tuples(inner, st.integers(0, 3)).map(
        lambda p: ({"type": "array", "items": p[0][0]}, [p[0][1]] * p[1])
    )


PAIRS = objects(st.recursive(SCALARS, lambda inner: objects(inner) | lists(inner), max_leaves=8))


def filled(value: Any, schema: Any) -> Any:
    """`value` with null for each property that it leaves out."""
    if isinstance(value, list):
        return [filled(one, schema["items"]) for one in value]
    if isinstance(value, dict):
        properties = schema["properties"]
        return {n: filled(value[n], s) if n in value else None for n, s in properties.items()}
    return value


@given(PAIRS)
def test_what_strict_mode_answers_becomes_what_was_meant(pair: Any) -> None:
    schema, value = pair
    asked, answer = JSONSchema(schema), filled(value, schema)
    Draft202012Validator(asked.openai_format["json_schema"]["schema"]).validate(answer)
    read, _ = asked.read(json.dumps(answer))
    Draft202012Validator(schema).validate(read)
    # A null that the schema allows stays: it says the same.
    assert filled(read, schema) == answer
