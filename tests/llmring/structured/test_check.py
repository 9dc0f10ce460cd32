"""Values against schemas: judged as jsonschema judges them, but in little time and memory."""

from __future__ import annotations

import json
import math
import random
import time
import tracemalloc
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from cloud.llm import JSONSchema
from LLM.exceptions import InvalidRequestError
from llmring.structured.check import MisfitError, compiled
from tests.llmring.structured.schemas import thing

pytestmark = pytest.mark.slow

#: Schemas of one keyword or two, with their odd corners.
CORNERS: list[dict[str, Any]] = [
    {"type": "integer"}, {"type": "number"}, {"type": "boolean"}, {"type": ["null", "string"]},
    {"type": ["integer", "boolean"]}, {"type": ["integer", "number"]},
    {"enum": [1, "a", None, [1, True], {"x": 1.0}]}, {"enum": [True, 0]}, {"const": 1},
    {"const": False}, {"const": [1, {"a": 0}]}, {"minimum": 1}, {"maximum": 1.5},
    {"exclusiveMinimum": 0}, {"exclusiveMaximum": 1}, {"multipleOf": 2}, {"multipleOf": 0.5},
    {"minLength": 1}, {"maxLength": 1}, {"minItems": 1.0}, {"maxItems": 1}, {"uniqueItems": True},
    {"minProperties": 1}, {"maxProperties": 0}, {"required": ["a"]}, {"uniqueItems": False},
    {"dependentRequired": {"a": ["b"]}}, {"properties": {"a": {"type": "integer"}}},
    {"properties": {"a": True}, "additionalProperties": False},
    {"properties": {"a": {}}, "additionalProperties": {"type": "string"}},
    {"patternProperties": {"^a": {"type": "integer"}}, "additionalProperties": {"type": "null"}},
    {"properties": {"a": {"minimum": 1}}, "patternProperties": {"a": {"type": "integer"}}},
    {"propertyNames": {"maxLength": 1}}, {"dependentSchemas": {"a": {"required": ["b"]}}},
    {"items": {"type": "integer"}}, {"prefixItems": [{"type": "string"}], "items": False},
    {"prefixItems": [{"const": 1}]}, {"contains": {"type": "integer"}}, {"items": False},
    {"contains": {"type": "integer"}, "minContains": 0, "maxContains": 1},
    {"minContains": 2}, {"not": {"type": "string"}}, {"not": {}}, {"then": False},
    {"if": {"type": "integer"}, "then": {"minimum": 1}, "else": {"type": "string"}},
    {"if": {"type": "integer"}, "else": False}, {"pattern": "^a+$"}, {"pattern": r"\d"},
    {"anyOf": [{"type": "string"}, {"minimum": 1}]}, {"allOf": [{"minimum": 0}, {"maximum": 1}]},
    {"oneOf": [{"type": "integer"}, {"minimum": 1}]}, {"oneOf": [{}, {}]}, {},
    {"$ref": "#/$defs/a", "$defs": {"a": {"type": "integer"}}, "maximum": 1},
    {"items": {"$ref": "#"}, "type": "array"},
    {"not": {"$ref": "#/$defs/a"}, "$defs": {"a": False}}, {"format": "email"},
    {"default": 5, "title": "x"}, {"properties": {"$ref": {"type": "string"}}},
]  # fmt: skip
SCALARS: st.SearchStrategy[Any] = st.sampled_from(
    [None, True, False, 0, 1, 2, 1.0, 0.5, 1.5, -1, 10**30, "", "a", "aa", "b1", "é"]
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["a", "b", "ab", "x", "$ref"]), inner, max_size=3)
    ),
    max_leaves=6,
)
JUDGES = [(compiled(schema), Draft202012Validator(schema)) for schema in CORNERS]


def fits(check: Any, value: Any) -> bool:
    try:
        check(value)
    except MisfitError:
        return False
    return True


@given(VALUES)
def test_what_is_counted_and_replaced_judges_as_jsonschema_does(value: Any) -> None:
    for check, validator in JUDGES:
        assert fits(check, value) is validator.is_valid(value), validator.schema


def spoilt(value: Any, dice: random.Random) -> Any:
    """`value` with one thing changed somewhere."""
    if isinstance(value, dict) and value and dice.random() < 0.8:
        name = dice.choice(list(value))
        rest = {n: one for n, one in value.items() if n != name}
        return rest if dice.random() < 0.3 else {**rest, name: spoilt(value[name], dice)}
    if isinstance(value, list) and value and dice.random() < 0.8:
        i = dice.randrange(len(value))
        return [*value[:i], spoilt(value[i], dice), *value[i + 1 :]]
    if isinstance(value, dict) and dice.random() < 0.5:
        return {**value, "z": 1}
    return dice.choice([None, 0, -7, 2.5, "", "zz", [], {}, [value], {"a": value}, True])


@pytest.mark.parametrize(
    ("schema", "value", "problem"),
    [
        (thing({"a": {"type": "integer"}}), {"a": "x"}, "at $.a: 'x' is not of type 'integer'"),
        ({"items": thing({"a": {"minimum": 5}})}, [{}, {"a": 1}], "at $[1].a: 1 is less than the"),
        (thing({}, "a"), {}, "at $: 'a' is a required property"),
        (thing({}, additionalProperties=False), {"b": 1},
         "at $: Additional properties are not allowed ('b' was unexpected)"),
        ({"enum": ["a", "b"]}, "c", "at $: 'c' is not one of ['a', 'b']"),
        ({"enum": list(range(20))}, "c",
         "at $: 'c' is not one of [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, ...]"),
        ({"const": 1}, True, "at $: 1 was expected"),
        ({"pattern": "^a$"}, "b" * 99,
         f"at $: '{'b' * 37}...{'b' * 38}' does not match the pattern '^a$'"),
        ({"anyOf": [{"type": "null"}, thing({"a": {"type": "null"}})]}, {"a": 1},
         "at $.a: 1 is not of type 'null'"),
        ({"anyOf": [{"type": "null"}, {"type": "string"}]}, 1, "at $: 1 is not valid under any"),
        ({"oneOf": [{}, {}]}, 1, "at $: 1 is valid under each of {}, {}"),
        ({"not": {}}, 1, "at $: 1 should not be valid under {}"),
        ({"uniqueItems": True}, [1, 1.0], "at $: [1, 1] has the same item twice"),
        ({"maxItems": 1}, [0] * 11, "at $: [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, ...] is too long"),
        (thing({}, additionalProperties=False), dict.fromkeys("abcdefghij"),
         "at $: Additional properties are not allowed ('a', 'b', 'c', 'd', 'e' were unexpected)"),
        ({"prefixItems": [{}], "items": False}, [1, 2], "at $: [1, 2] is too long"),
        ({"contains": {"const": 1}}, [2], "at $: [2] does not contain items"),
        ({"multipleOf": 0.1}, 0.35, "at $: 0.35 is not a multiple of 0.1"),
    ],
)  # fmt: skip
def test_a_misfit_is_told_with_its_place(schema: Any, value: Any, problem: str) -> None:
    with pytest.raises(MisfitError) as caught:
        compiled(schema)(value)
    assert str(caught.value).startswith(problem)


def test_multiples_are_those_of_the_written_number() -> None:
    check = compiled({"multipleOf": 0.1})
    check(0.3)
    compiled({"multipleOf": 1e-308})(1e308)
    compiled({"multipleOf": 0.01})(19.99)
    compiled({"multipleOf": 10, "type": "integer"})(1e23)
    compiled({"multipleOf": 10})(10**400)  # beyond any float
    compiled({"multipleOf": 10})(10**5000)  # and what Python would write
    with pytest.raises(MisfitError, match="inf is not a multiple of 1"):
        compiled({"multipleOf": 1})(math.inf)


#: Schemas and values that would take an engine of another kind for ever.
HOSTILE: dict[str, tuple[Any, Any]] = {
    "pattern": ({"pattern": "^(a+)+$"}, "a" * 50_000 + "!"),
    "alternation": ({"pattern": "^(a|aa)+$"}, "a" * 50_000 + "!"),
    "repetitions": ({"pattern": "^(a?){500}b$"}, "a" * 50_000),
    "names": ({"patternProperties": {"^(a*)*$": False}}, {"a" * 20_000: 1}),
    "references": (
        {
            "$ref": "#/$defs/d0",
            "$defs": {
                **{
                    f"d{i}": {"anyOf": [{"$ref": f"#/$defs/d{i + 1}"}] * 2} for i in range(40)
                },
                "d40": {"type": "null"},
            },
        },
        1,
    ),
    "values": ({"items": {"enum": [[i] for i in range(20_000)]}}, [[-1]] + [[5]] * 50_000),
    "branches": ({"items": {"anyOf": [{"const": i} for i in range(20_000)]}}, [-1.5] * 50_000),
    "unique": ({"uniqueItems": True, "maxItems": 1}, [[i, str(i)] for i in range(50_000)]),
    "recursion": (
        {"anyOf": [{"items": {"$ref": "#"}, "type": "array"}] * 2},
        [[[[[[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]]]]],
    ),
    "a long text, quoted": (
        {"anyOf": [{"items": {"$ref": "#"}, "type": "array"}] * 2},
        [[[[[[[[[[[["x" * 1_000_000]]]]]]]]]]]],
    ),
    "much that is missing": (
        {"items": {"anyOf": [{"required": [str(i) for i in range(20_000)]}, {}]}},
        [{}] * 50_000,
    ),
    "names that are not known": (
        {"anyOf": [{"additionalProperties": False}] * 1000}, {str(i): 1 for i in range(80_000)},
    ),
    "more items than may be": (
        {"anyOf": [{"prefixItems": [{}], "items": False}] * 1000}, list(map(str, range(80_000))),
    ),
    "numbers of one hash": (
        {"uniqueItems": True, "maxItems": 1}, [i * (2**61 - 1) for i in range(30_000)],
    ),
    "nodes with nodes": (
        {"anyOf": [thing({"kind": {"const": kind}, "args": {"$ref": "#"}}) for kind in "ab"] * 2},
        json.loads('{"kind": "a", "args": ' * 30 + "1" + "}" * 30),
    ),
}  # fmt: skip


@pytest.mark.measured
@pytest.mark.parametrize("name", HOSTILE)
def test_no_schema_makes_a_check_hang(name: str) -> None:
    schema, value = HOSTILE[name]
    began = time.process_time()
    check = compiled(JSONSchema(schema).schema)
    with pytest.raises(MisfitError):
        check(value)
    assert time.process_time() - began < 5


def test_definitions_may_refer_to_one_another_in_a_long_chain() -> None:
    chain = {f"d{i}": {"items": {"$ref": f"#/$defs/d{i + 1}"}} for i in range(5000)}
    check = compiled({"$ref": "#/$defs/d0", "$defs": {**chain, "d5000": {}}})
    check([[[]]])


def test_a_value_that_is_too_deep_is_told() -> None:
    deep: Any = 1
    for _ in range(2000):
        deep = [deep]
    with pytest.raises(MisfitError, match="nested too deep to be checked"):
        compiled({"items": {"$ref": "#"}, "type": ["array", "integer"]})(deep)


def test_too_many_tries_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmring.structured.check.MAX_TRIES", 2000)
    with pytest.raises(MisfitError, match="it takes more than 2,000 tries to check"):
        compiled(HOSTILE["references"][0])(1)


def test_errors_of_alternatives_do_not_pile_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmring.structured.check.MAX_TRIES", 10_000)
    check = compiled(HOSTILE["references"][0])
    tracemalloc.start()
    with pytest.raises(MisfitError):
        check(1)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 << 20


def test_an_answer_as_long_as_models_give_is_checked() -> None:
    compiled({"type": "array", "items": {"type": "integer"}})(list(range(60_000)))
    compiled({"type": "string", "minLength": 1, "pattern": "^x", "not": {"const": ""}})(
        "x" * 2_000_000
    )


def test_threads_have_a_count_each(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("llmring.structured.check.MAX_TRIES", 300)
    check = compiled({"items": {"type": "integer"}})
    with ThreadPoolExecutor(4) as pool:
        assert list(pool.map(check, [list(range(200))] * 20)) == [None] * 20


@pytest.mark.parametrize("keyword", ["$schema", "$id"])
def test_no_other_draft_or_document_is_taken_for_the_schema(keyword: str) -> None:
    address = "http://json-schema.org/draft-07/schema#"
    node = {"prefixItems": [{"type": "null"}], "items": {"$ref": "#"}}
    check = compiled(JSONSchema({**node, keyword: address}).schema)
    check([None, [None]])
    with pytest.raises(MisfitError, match=r"at \$\[1\]\[0\]: 1 is not of type 'null'"):
        check([None, [1]])


def test_references_find_names_that_an_address_would_escape() -> None:
    check = compiled({"$ref": "#/$defs/a%20b~1c", "$defs": {"a%20b/c": {"type": "null"}}})
    with pytest.raises(MisfitError, match="at \\$: 1 is not of type 'null'"):
        check(1)


@pytest.mark.parametrize(
    ("schema", "problem"),
    [
        ({"pattern": "^(?!x)"}, r"\$\.pattern is '\^\(\?!x\)', which .*look-around"),
        ({"pattern": r"(a)\1"}, "backreferences"),
        ({"pattern": "("}, "unclosed group"),
        ({"pattern": "(((a{100}){100}){100}){100}"}, "size limit"),
        ({"patternProperties": {"(?=a)": {}}}, r"\$\.patternProperties is '\(\?=a\)', which"),
        ({"items": {"unevaluatedProperties": False}}, r"s\.unevaluatedProperties .* use add"),
        ({"unevaluatedItems": False}, r"\$\.unevaluatedItems cannot be checked here; use items"),
    ],
)  # fmt: skip
def test_what_cannot_be_checked_is_refused_with_its_place(schema: Any, problem: str) -> None:
    with pytest.raises(InvalidRequestError, match=problem):
        compiled(schema)
