"""Schemas, patterns and grammars of strangers: what is held, and what is refused in which words."""

from __future__ import annotations

import json
import re
import time
from typing import Any

import pytest

from LLM import InvalidRequestError
from local_llm_kit.schemas import vet_grammar, vet_regex, vet_schema
from local_llm_kit.schemas.patterns import portable
from tests.local.hostile import hostile


def vetted(schema: Any) -> Any:
    return json.loads(vet_schema(schema, "response_format"))


def nested(depth: int) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": "null"}
    for _ in range(depth):
        schema = {"type": "array", "items": schema}
    return schema


ITSELF = {"type": "object", "properties": {"k": {"$ref": "#"}}, "required": ["k"]}
DEEP_ARRAY: dict[str, Any] = {"type": "null"}
for _ in range(3):
    DEEP_ARRAY = {"type": "array", "items": DEEP_ARRAY, "minItems": 100}


@pytest.mark.parametrize(
    "keyword",
    ["not", "if", "then", "else", "uniqueItems", "contains", "minContains", "propertyNames",
     "dependentRequired", "dependentSchemas", "dependencies", "unevaluatedProperties",
     "unevaluatedItems", "contentEncoding", "contentMediaType", "$dynamicRef", "nullable"],
)  # fmt: skip
def test_a_keyword_that_cannot_be_held_is_refused_by_name(keyword: str) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "string", keyword: True}}}
    with pytest.raises(InvalidRequestError, match=re.escape(repr(keyword))) as caught:
        vetted(schema)
    assert caught.value.body["param"] == "response_format"
    assert f"#/properties/a/{keyword}" in str(caught.value)


@pytest.mark.parametrize(
    ("schema", "said"),
    [
        ({"type": "string", "minLenght": 3}, "did you mean 'minLength'"),
        ({"type": "string", "format": "iri"}, "'iri' is not held"),
        ({"type": "text"}, "type must be one of"),
        ({"type": "array", "maxItems": 1001}, "from 0 to 1,000"),
        ({"type": "array", "minItems": 1_000_000_000}, "from 0 to 1,000"),
        ({"type": "string", "maxLength": -1}, "from 0 to 8,192"),
        ({"type": "string", "maxLength": 1_000_000_000}, "from 0 to 8,192"),
        ({"type": "string", "pattern": "a" * 1025}, "1,025 characters"),
        ({"type": "string", "pattern": "(?=a)b"}, "look-around"),
        ({"type": "number", "exclusiveMinimum": True}, "must be a number"),
        ({"type": "number", "minimum": 1e300}, "beyond"),
        ({"type": "integer", "minimum": 5, "maximum": 3}, "no number lies between"),
        ({"type": "integer", "multipleOf": 2**31 - 1}, "at most 10,000"),
        ({"type": "integer", "multipleOf": 0}, "more than 0"),
        ({"enum": []}, "list of 1 to"),
        ({"enum": list(range(1001))}, "list of 1 to"),
        ({"const": 0.1234567890123456789}, "digits"),
        ({"anyOf": []}, "list of 1 to"),
        ({"properties": []}, "must be an object"),
        ({"$ref": "https://example.com/s.json"}, "same schema"),
        ({"$ref": "other.json#/a"}, "same schema"),
        ({"$ref": "#/$defs/none"}, "points to no schema"),
        ({"$ref": "#/anyOf/" + "9" * 5000, "anyOf": [{}]}, "points to no schema"),
        ({"$ref": "#"}, "can end"),
        (ITSELF, "can end"),
        (DEEP_ARRAY, "its shortest value"),
        ({"type": "object", "minProperties": 3}, "minProperties is 3"),
        ({"description": "x" * 70_000}, "bytes"),
        (nested(33), "more than 32 deep"),
        (False, "allows no value"),
        ([], "must be a schema"),
        ({"const": float("nan")}, "no JSON number"),
        pytest.param({"const": object()}, "written as JSON", id="an object of Python's"),
        ({"const": "\ud800"}, "written as JSON"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_what_cannot_be_used_is_refused_with_its_reason(schema: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=re.escape(said)):
        vetted(schema)


def test_nothing_is_nested_so_deep_that_python_gives_up() -> None:
    deep: Any = {}
    for _ in range(100_000):
        deep = {"items": deep}
    with pytest.raises(InvalidRequestError, match="response_format"):
        vetted(deep)


def test_a_chain_of_references_is_read_in_linear_time() -> None:
    chain = {f"a{i}": {"$ref": f"#/$defs/a{i + 1}"} for i in range(200)}
    begin = time.process_time()
    vetted({"$defs": {**chain, "a200": {"type": "null"}}, "$ref": "#/$defs/a0"})
    assert time.process_time() - begin < 1


def test_a_description_is_dropped_and_a_property_of_that_name_kept() -> None:
    schema = {"type": "object", "description": "d", "properties": {"description": {"type": "null"}}}
    assert vetted(schema) == {
        "type": ["object"],
        "properties": {"description": {"type": ["null"]}},
        "additionalProperties": False,
    }


def test_an_object_is_closed_unless_the_schema_opens_it() -> None:
    closed = {"type": "object", "properties": {"a": {"type": "null"}}}
    assert vetted(closed)["additionalProperties"] is False
    assert vetted({**closed, "additionalProperties": True})["additionalProperties"] is not False
    assert vetted({**closed, "required": ["b"]})["additionalProperties"] is not False


def test_parts_that_look_at_one_object_are_not_closed() -> None:
    part = {"properties": {"a": {"type": "null"}}}
    both = {"allOf": [part, {"properties": {"b": {"type": "null"}}}]}
    assert "additionalProperties" not in vetted(both)["allOf"][0]


def test_exclusive_bounds_become_inclusive_ones_a_step_inside() -> None:
    number = vetted({"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1})
    assert (number["minimum"], number["maximum"]) == (1e-9, 0.999999999)
    whole = vetted({"type": "integer", "exclusiveMinimum": 3, "exclusiveMaximum": 5.5})
    assert (whole["minimum"], whole["maximum"]) == (4, 5)


def test_numbers_have_an_end_in_each_direction() -> None:
    limit = 2**53 - 1
    number = vetted({"type": "number"})
    assert number == {"type": ["number"], "minimum": -limit, "maximum": limit, "multipleOf": 1e-9}
    assert "multipleOf" not in vetted({"type": "integer"})


def test_a_list_of_items_is_read_as_it_was_meant_before_2020() -> None:
    old = {"type": "array", "items": [{"type": "null"}], "additionalItems": False}
    assert vetted(old) == {"type": ["array"], "prefixItems": [{"type": ["null"]}], "items": False}


TAGGED = [
    {"type": "object", "properties": {"kind": {"const": kind}}, "required": ["kind"]}
    for kind in ("a", "b")
]


@pytest.mark.parametrize(
    ("branches", "apart"),
    [
        ([{"type": "string"}, {"type": "null"}], True),
        ([{"type": "number"}, {"type": "integer"}], False),
        ([{"const": 1}, {"const": 1.0}], False),
        ([{"const": 1}, {"const": True}], True),
        ([{"enum": ["a", "b"]}, {"enum": ["b"]}], False),
        (TAGGED, True),
        ([TAGGED[0], {**TAGGED[1], "required": []}], False),
        ([{"$ref": "#/$defs/a"}, {"$ref": "#/$defs/b"}], True),
        ([{}, {"type": "null"}], False),
    ],
    ids=lambda value: str(value)[:60],
)
def test_branches_that_exclude_each_other_need_no_check(branches: Any, apart: bool) -> None:
    definitions = dict(zip("ab", TAGGED, strict=True))
    assert ("anyOf" in vetted({"$defs": definitions, "oneOf": branches})) == apart


def test_branches_that_lead_to_themselves_are_not_told_apart_without_end() -> None:
    own = {"type": "object", "properties": {"x": {"$ref": "#/$defs/c"}}, "required": ["x"]}
    ended = {**own, "properties": {"x": {"type": ["null", "object"]}}}
    definitions = {"c": {**own, "required": []}, "d": own, "e": ended}
    branches = [{"$ref": "#/$defs/d"}, {"$ref": "#/$defs/e"}]
    assert "oneOf" in vetted({"$defs": definitions, "oneOf": branches})


def test_two_trees_of_many_branches_are_compared_once_at_each_place() -> None:
    _, arguments = next(case for case in hostile("schemas") if case[0] == "two alike")
    with pytest.raises(InvalidRequestError, match="shortest value"):
        vet_schema(arguments["response_format"]["schema"], "p")


def test_the_pattern_of_pydantics_decimals_is_known() -> None:
    assert re.match(portable(r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$"), "-12.50")


@pytest.mark.parametrize(
    ("pattern", "rewritten"),
    [
        (r"^\d+$", "^[0-9]+$"),
        (r"[\w-]", "[A-Za-z0-9_-]"),
        (r"[^\d]", r"[^\p{Nd}]"),
        (r"a{2,3}?", "a{2,3}"),
        ("(?<name>a)(?P<n>b)(c)", "(?:a)(?:b)(?:c)"),
        ("a{b", r"a\{b"),
        ("[a[b]", r"[a\[b]"),
        (r"\/\-\.", r"/\-\."),
        ("a\nb", r"a\x{a}b"),
    ],
)
def test_a_pattern_means_the_same_to_all_readers(pattern: str, rewritten: str) -> None:
    assert portable(pattern) == rewritten


@pytest.mark.parametrize(
    "pattern",
    ["(?=a)", "(?i)a", r"(a)\1", r"\bword\b", "(", ")", "[", "[]a]", "a**", "a++", "*a", "a{,3}",
     "a{3,2}", "a{1001}", "(a{100}){101}", "((((a{30}){30}){30}){30})", "(" * 40 + "a" + ")" * 40,
     r"\q", "\\", r"\A", "[a--b]", "(?P>x)"],
)  # fmt: skip
def test_a_pattern_that_readers_take_differently_is_refused(pattern: str) -> None:
    with pytest.raises(InvalidRequestError, match="regular expression in response_format"):
        vet_regex(pattern, "response_format")


@pytest.mark.parametrize(
    ("grammar", "said"),
    [
        ("", "needs a grammar"),
        (7, "needs a grammar"),
        ("start: \ud800", "surrogate"),
        ("start: " + '"a" ' * 8000, "characters"),
        ("start: " + "(" * 40 + '"a"' + ")" * 40, "nested more than 32"),
        ("".join(f"r{i}: r{i + 1}\n" for i in range(300)), "rules"),
        ("".join(f"r{i} ::= r{i + 1}\n" for i in range(300)), "rules"),
        ('start: %json {"type": "null"}', "directives"),
        ("start: @other", "directives"),
        ('start: "a"{1000000}', "repeats"),
        ('start: "a"~5..99999999999', "repeats"),
        ("start: /a{1,100000}/", "repeats"),
        ('root ::= "a"{\n１０００００}', "repeats"),
        ("".join(f"r{i} ::= r{i + 1}\r" for i in range(300)), "rules"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_a_grammar_that_could_cost_too_much_is_refused(grammar: Any, said: str) -> None:
    with pytest.raises(InvalidRequestError, match=said):
        vet_grammar(grammar, "response_format")


@pytest.mark.parametrize(
    "grammar",
    ['start: [ %json {"a": 1} ]', 'start: x/a"/ %json {"a": 1} /"/', 'start: <"> %json {} <">',
     'start: /a\n"/ %json {"a": 1} /"/', 'start: ["a" | (@other)]'],
)  # fmt: skip
def test_no_directive_hides_behind_what_looks_like_a_quote(grammar: str) -> None:
    with pytest.raises(InvalidRequestError, match="directives"):
        vet_grammar(grammar, "p")


def test_brackets_hold_syntax_in_larks_form_and_characters_in_gbnf() -> None:
    nested = "[" * 40 + '"a"' + "]" * 40
    with pytest.raises(InvalidRequestError, match="nested more than 32"):
        vet_grammar(f"start: {nested}", "p")
    assert vet_grammar(r'root ::= [%@({[] [\]"] "("', "p")


@pytest.mark.parametrize("opened", ['"', "[", '"' + r"\"" * 8000, "[" * 16_000], ids=len)
def test_what_is_not_closed_is_refused_at_its_first_character(opened: str) -> None:
    with pytest.raises(InvalidRequestError, match="at character 9 is not closed"):
        vet_grammar(f"root ::= {opened}", "p")


def test_what_stands_in_quotes_is_no_directive() -> None:
    grammar = 'start: "100%" /[@%{2000}]+/ "((((((" // %json @ in a comment'
    with pytest.raises(InvalidRequestError, match="repeats"):
        vet_grammar(grammar, "p")
    assert vet_grammar(grammar.replace("{2000}", ""), "p")
