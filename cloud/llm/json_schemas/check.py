"""Whether a JSON schema is one, told by the place of what is wrong. Pure.

What passes can be walked without end or surprise: keywords have the types that the standard gives
them, references lead to schemas in the same document, and none leads back to itself without a step
into the value.

Source: https://json-schema.org/draft/2020-12/json-schema-validation and …/json-schema-core.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from LLM.exceptions import InvalidRequestError
from LLM.schemas import MAX_DEPTH

Schema = Mapping[str, Any]

#: Most objects, lists and values in one schema: OpenAI takes 5,000 properties.
MAX_VALUES = 50_000

TYPES = frozenset({"array", "boolean", "integer", "null", "number", "object", "string"})

#: Keywords whose values are a schema, a list of schemas, and schemas by name.
ONES = frozenset(
    {"additionalProperties", "contains", "else", "if", "items", "not", "propertyNames", "then"}
    | {"unevaluatedItems", "unevaluatedProperties"}
)
LISTS = frozenset({"allOf", "anyOf", "oneOf", "prefixItems"})
MAPS = frozenset({"$defs", "definitions", "dependentSchemas", "patternProperties", "properties"})

#: Keywords whose schemas are for the same value, not for a part of it.
_IN_PLACE = frozenset({"allOf", "anyOf", "dependentSchemas", "else", "if", "not", "oneOf", "then"})

_COUNTS = (
    "maxContains maxItems maxLength maxProperties minContains minItems minLength minProperties"
).split()
_BOUNDS = ("exclusiveMaximum", "exclusiveMinimum", "maximum", "minimum", "multipleOf")
_TEXTS = ("$anchor", "$comment", "$id", "$ref", "description", "format", "pattern", "title")

#: Keywords that lead elsewhere than a pointer says, and what to do without them.
_REFUSED = {
    "$dynamicRef": "use $ref",
    "$recursiveRef": "use $ref",
}


def check_schema(schema: Schema) -> None:
    """Check a schema.

    :param schema: JSON's types throughout.
    :raises InvalidRequestError: says where it is none, as a path from ``$``, and why.
    """
    n_left = MAX_VALUES
    seen: set[int] = set()
    references: dict[str, None] = {}
    # References come last: most of what they lead to is known by its place then.
    waiting: deque[tuple[Any, str, int]] = deque([(schema, "$", 0)])
    while waiting:
        found, place, depth = waiting.pop()
        if id(found) in seen:
            continue
        seen.add(id(found))
        if not isinstance(found, Mapping | bool):
            raise _wrong(place, f"is {_kind(found)}; a schema is an object, true or false")
        if depth > MAX_DEPTH:
            raise InvalidRequestError(
                f"the JSON schema is nested deeper than {MAX_DEPTH}; define parts of it in $defs"
            )
        if isinstance(found, bool):
            continue
        n_left -= sum(len(v) + 1 if isinstance(v, list | Mapping) else 1 for v in found.values())
        if n_left < 0:
            raise InvalidRequestError(
                f"the JSON schema holds more than {MAX_VALUES:,} values; ask for less at once"
            )
        for key, value in found.items():
            _check_keyword(key, value, f"{place}.{key}")
            if key == "$id" and depth:
                raise _wrong(f"{place}.$id", "begins a document of its own; leave it out")
            if key == "$ref" and value not in references:
                references[value] = None
                referred = _referred(schema, value, f"{place}.$ref")
                waiting.appendleft((referred, value[:200], value.count("/")))
        waiting += [(part, f"{place}.{name}", depth + 1) for name, part in parts(found)]
    _check_ends(schema, references)


def parts(schema: Schema) -> Iterator[tuple[str, Any]]:
    """The schemas directly in a schema, each behind its way from there."""
    for key, value in schema.items():
        if key in MAPS:
            yield from ((f"{key}.{name}", one) for name, one in value.items())
        elif key in LISTS:
            yield from ((f"{key}[{i}]", one) for i, one in enumerate(value))
        elif key in ONES:
            yield key, value


def resolved(schema: Schema, reference: str) -> Any:
    """What a reference within `schema` leads to.

    :param reference: ``#`` or ``#/`` and a JSON pointer.
    :raises LookupError: to nothing.
    """
    found: Any = schema
    for step in reference.split("/")[1:]:
        step = step.replace("~1", "/").replace("~0", "~")
        if isinstance(found, list):
            # No list is as long as a number of so many digits, which Python may refuse to read.
            if not step.isdecimal() or len(step) > len(str(MAX_VALUES)):
                raise LookupError(step)
            found = found[int(step)]
        elif isinstance(found, Mapping):
            found = found[step]
        else:
            raise LookupError(step)
    return found


def _check_keyword(key: str, value: Any, place: str) -> None:
    if key in _REFUSED:
        raise _wrong(place, f"cannot be used; {_REFUSED[key]}")
    if key in _EXPECTED:
        fits, expected = _EXPECTED[key]
        if not fits(value):
            raise _wrong(place, f"is {_kind(value)}; it must be {expected}")


def _referred(schema: Schema, reference: str, place: str) -> Any:
    """:raises InvalidRequestError: the reference leads out of the schema, or to nothing."""
    if reference != "#" and not reference.startswith("#/"):
        raise _wrong(
            place,
            f"is {_kind(reference)}; references stay in the schema: '#', or a pointer such as "
            "'#/$defs/name'",
        )
    try:
        found = resolved(schema, reference)
    except LookupError:
        found = None
    if not isinstance(found, Mapping | bool):
        raise _wrong(place, f"is {_kind(reference)}, and there is no schema there")
    return found


def _check_ends(schema: Schema, references: Iterable[str]) -> None:
    """:raises InvalidRequestError: a schema stands for itself, and so for nothing."""
    done: set[int] = set()
    for reference in references:
        _follow(schema, reference, done, ())


def _follow(schema: Schema, reference: str, done: set[int], above: tuple[str, ...]) -> None:
    found = resolved(schema, reference)
    if reference in above or len(above) > MAX_DEPTH:
        raise InvalidRequestError(
            f"the JSON schema's reference {reference[:200]!r} leads back to itself before any part "
            "of the value; let it stand in properties or items"
        )
    if id(found) in done:
        return
    for inner in _references_in_place(found):
        _follow(schema, inner, done, (*above, reference))
    done.add(id(found))


def _references_in_place(schema: Any) -> Iterator[str]:
    """The references that stand for the same value as the schema does."""
    if isinstance(schema, Mapping):
        if "$ref" in schema:
            yield schema["$ref"]
        for name, part in parts(schema):
            if name.partition("[")[0].partition(".")[0] in _IN_PLACE:
                yield from _references_in_place(part)


def _wrong(place: str, problem: str) -> InvalidRequestError:
    place = place if len(place) <= 200 else f"{place[:100]}…{place[-100:]}"
    return InvalidRequestError(f"the JSON schema is none: {place} {problem}")


def _kind(value: Any) -> str:
    """A value as errors show it."""
    if isinstance(value, Mapping):
        return "an object"
    if isinstance(value, list):
        return "a list"
    text = repr(value)
    return text if len(text) <= 80 else f"{text[:80]}…"


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _is_count(value: Any) -> bool:
    return _is_number(value) and value >= 0 and value % 1 == 0


def _is_names(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(name, str) for name in value)


def _is_type(value: Any) -> bool:
    names = value if isinstance(value, list) else [value]
    return bool(names) and all(isinstance(name, str) and name in TYPES for name in names)


_Expectation = tuple[Callable[[Any], bool], str]
_EXPECTED: dict[str, _Expectation] = {
    "type": (_is_type, f"one of {', '.join(sorted(TYPES))}, or a list of them"),
    "enum": (lambda value: isinstance(value, list) and bool(value), "a list of values"),
    "required": (_is_names, "a list of property names"),
    "uniqueItems": (lambda value: isinstance(value, bool), "true or false"),
    "multipleOf": (lambda value: _is_number(value) and value > 0, "a number above 0"),
    "dependentRequired": (
        lambda value: isinstance(value, Mapping) and all(map(_is_names, value.values())),
        "an object of lists of property names",
    ),
}
for _key in _COUNTS:
    _EXPECTED[_key] = (_is_count, "a whole number, 0 or more")
for _key in _BOUNDS:
    _EXPECTED.setdefault(_key, (_is_number, "a number"))
for _key in _TEXTS:
    _EXPECTED[_key] = (lambda value: isinstance(value, str), "text")
for _key in MAPS:
    _EXPECTED[_key] = (lambda value: isinstance(value, Mapping), "an object of schemas")
for _key in LISTS - {"prefixItems"}:
    _EXPECTED[_key] = (lambda value: isinstance(value, list) and bool(value), "a list of schemas")
_EXPECTED["prefixItems"] = (lambda value: isinstance(value, list), "a list of schemas")
_EXPECTED["items"] = (
    lambda value: not isinstance(value, list),
    "one schema; a list of them is now called prefixItems",
)
