"""The keywords of JSON schema as jsonschema takes them, and those that are replaced here.

- Patterns are matched by an engine whose time is linear in the text, which has no look-around.
- ``enum`` and ``uniqueItems`` hash what they compare.
- ``multipleOf`` divides decimals, for 19.99 is a multiple of 0.01, though its float is not.
- ``$ref`` is followed when the schema is compiled: nothing is ever looked up elsewhere.
- ``anyOf`` and ``oneOf`` keep one error of those of their alternatives.

Source: https://json-schema.org/draft/2020-12/json-schema-validation.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from fractions import Fraction
from functools import partial
from itertools import islice
from typing import Any, NamedTuple

from pydantic_core import SchemaError, SchemaValidator, core_schema

from cloud.llm.json_schemas.check import parts, resolved
from LLM.exceptions import InvalidRequestError

_NOT_CHECKED = {
    "unevaluatedItems": "use items",
    "unevaluatedProperties": "use additionalProperties",
}
#: What would have jsonschema take another draft, or another document, for the schema's.
_NOT_READ = ("$id", "$schema")
#: Items, and characters, that are looked at in the time of one try.
ITEMS_PER_TRY, _CHARS_PER_TRY = 16, 128

#: Names that one error quotes.
_MAX_QUOTED = 5

#: Tries that are left for the value that is being checked.
tries_left: ContextVar[list[int]] = ContextVar("tries_left")

Errors = Iterator[Any]
#: A keyword as jsonschema has it: validator, the keyword's value, the value to check, the schema.
Keyword = Callable[[Any, Any, Any, Any], Errors]


class TooMuchError(Exception):
    """A value takes too long to check."""


class _Test(NamedTuple):
    """What a schema has in place of a keyword's value: whether a value fits, and what if not."""

    fits: Callable[[Any], bool]
    problem: str


def take(tries: int) -> None:
    """Take tries off those that are left.

    :raises TooMuchError: there are not as many.
    """
    left = tries_left.get()
    left[0] -= tries
    if left[0] < 0:
        raise TooMuchError


def keywords() -> dict[str, Keyword]:
    """All keywords by their names, for schemas that are `prepared`."""
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]  # it has no stubs

    library: dict[str, Keyword] = Draft202012Validator.VALIDATORS
    return {
        **library,
        "$ref": lambda validator, schema, value, _: validator.descend(value, schema),
        "additionalProperties": partial(_additional_properties, library["additionalProperties"]),
        "anyOf": partial(_likeliest, library["anyOf"]),
        "oneOf": partial(_likeliest, library["oneOf"]),
        "patternProperties": _pattern_properties,
        **dict.fromkeys(_TESTS, _tested),
    }


def prepared(document: Any) -> Any:
    """A schema, changed in place, as the keywords take it.

    :raises InvalidRequestError: it has a keyword or a pattern that cannot be checked here.
    """
    schemas: dict[int, tuple[str, Any]] = {}
    references: list[tuple[Any, Any]] = []
    waiting = [("$", document)]
    while waiting:
        place, schema = waiting.pop()
        if isinstance(schema, bool) or id(schema) in schemas:
            continue
        schemas[id(schema)] = place, schema
        waiting += [(f"{place}.{name}", part) for name, part in parts(schema)]
        if "$ref" in schema:
            found = resolved(document, schema["$ref"])
            references.append((schema, found))
            waiting.append((schema["$ref"], found))
    # Not before all references are followed: their ways lead through what is changed.
    for place, schema in schemas.values():
        _prepare(schema, place)
    for schema, found in references:
        schema["$ref"] = found
    return document


def _prepare(schema: dict[str, Any], place: str) -> None:
    for name in _NOT_READ:
        schema.pop(name, None)
    for name, advice in _NOT_CHECKED.items():
        if name in schema:
            raise InvalidRequestError(f"{place}.{name} cannot be checked here; {advice}")
    if schema.get("items") is False:
        # The same in words that quote the list short.
        del schema["items"]
        n_first = len(schema.get("prefixItems", ()))
        schema["maxItems"] = min(schema.get("maxItems", n_first), n_first)
    for name in _TESTS.keys() & schema.keys():
        schema[name] = _TESTS[name](schema[name], f"{place}.{name}")
    if patterns := schema.get("patternProperties"):
        schema["patternProperties"] = [
            (_matcher(pattern, f"{place}.patternProperties"), one)
            for pattern, one in patterns.items()
        ]


def _likeliest(keyword: Keyword, *arguments: Any) -> Errors:
    """Of alternatives, the error of the one that fitted furthest: it is the one that was meant."""
    from jsonschema import ValidationError

    for error in keyword(*arguments):
        furthest = max(error.context, key=lambda one: len(one.path), default=error)
        told = furthest if furthest.path else error
        # A new one, and no circle: where alternatives are nested, the others would fill the memory.
        for one in error.context:
            one.parent = None
        yield ValidationError(told.message, path=told.path)


def _pattern_properties(validator: Any, patterns: Any, value: Any, _schema: Any) -> Errors:
    if isinstance(value, dict):
        for matches, schema in patterns:
            take(len(value) // ITEMS_PER_TRY)
            for name in filter(matches, value):
                yield from validator.descend(value[name], schema, path=name)


def _additional_properties(
    keyword: Keyword, validator: Any, wanted: Any, value: Any, schema: Any
) -> Errors:
    if isinstance(value, dict):
        known, patterns = schema.get("properties", ()), schema.get("patternProperties", ())
        take(len(value) * len(patterns) // ITEMS_PER_TRY)
        others = (
            (name, one)
            for name, one in value.items()
            if name not in known and not any(matches(name) for matches, _ in patterns)
        )
        # Where there must be none, the error quotes them all.
        value = type(value)(islice(others, _MAX_QUOTED if wanted is False else None))
        schema = {}
    return keyword(validator, wanted, value, schema)


def _tested(_validator: Any, test: _Test, value: Any, _schema: Any) -> Errors:
    if not test.fits(value):
        from jsonschema import ValidationError

        yield ValidationError(f"{value!r} {test.problem}")


def _pattern(pattern: str, place: str) -> _Test:
    matches = _matcher(pattern, place)

    def is_match(value: Any) -> bool:
        if not isinstance(value, str):
            return True
        take(len(value) // _CHARS_PER_TRY)
        return matches(value)

    return _Test(is_match, f"does not match the pattern {pattern!r}")


def _matcher(pattern: str, place: str) -> Callable[[str], bool]:
    """Whether a text holds what a regular expression describes, in time linear in the text.

    :raises InvalidRequestError: the expression is none, or looks around or back.
    """
    try:
        # pydantic's engine is Rust's, which never goes back.
        schema = core_schema.str_schema(pattern=str(pattern), regex_engine="rust-regex")
        return SchemaValidator(schema).isinstance_python
    except SchemaError as err:
        problem = str(err).rpartition("error: ")[2].strip()
    raise InvalidRequestError(
        f"{place} is {pattern!r}, which cannot be checked here: {problem[:200]}"
    )


def _enum(values: list[Any], _place: str) -> _Test:
    keys = frozenset(map(_canonical, values))
    return _Test(lambda value: _key(value) in keys, f"is not one of {values!r}")


def _unique_items(wanted: bool, _place: str) -> _Test:
    def are_unique(value: Any) -> bool:
        return not isinstance(value, list) or len(set(map(_key, value))) == len(value)

    return _Test(are_unique if wanted else lambda _: True, "has the same item twice")


def _multiple_of(divisor: Any, _place: str) -> _Test:
    exact = Fraction(repr(divisor))

    def is_multiple(value: Any) -> bool:
        if not isinstance(value, int | float) or isinstance(value, bool):
            return True
        if isinstance(value, int):  # which may be beyond any float
            return (value / exact).denominator == 1
        return math.isfinite(value) and (Fraction(repr(value)) / exact).denominator == 1

    return _Test(is_multiple, f"is not a multiple of {divisor}")


def _key(value: Any) -> str:
    key = _canonical(value)
    take(len(key) // _CHARS_PER_TRY)
    return key


#: A text that is equal for equal values of JSON, and for them alone. Numbers themselves will not
#: do: of one hash there are many, for who looks for them.
_canonical = json.JSONEncoder(sort_keys=True).encode

_TESTS: dict[str, Callable[[Any, str], _Test]] = {
    "enum": _enum,
    "multipleOf": _multiple_of,
    "pattern": _pattern,
    "uniqueItems": _unique_items,
}
