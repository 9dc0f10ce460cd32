"""JSON schemas, made ones that a provider's constrained decoding takes. Pure.

Each provider holds answers to a subset of JSON schema and refuses, or ignores, the rest. What it
does not hold is told to the model in the description, as the providers' own SDKs do it; a pydantic
class still checks it when the answer is there.

Source: https://platform.openai.com/docs/guides/structured-outputs#supported-schemas
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic_core import to_json

from LLM.exceptions import InvalidRequestError

#: Deeper schemas are refused here, before they exhaust anyone's stack.
MAX_DEPTH = 100

#: Keywords whose values are schemas by name, lists of schemas, and one schema.
_MAPS = frozenset({"properties", "$defs", "definitions", "patternProperties"})
_LISTS = frozenset({"anyOf", "oneOf", "allOf", "prefixItems"})
_ONES = frozenset({"items", "additionalProperties", "not", "contains", "propertyNames"})
_LENGTHS = frozenset({"minItems", "maxItems", "minLength", "maxLength"})
#: What says nothing of the value.
_BESIDE_REFERENCE = frozenset(
    {"$ref", "$defs", "$schema", "$id", "$comment", "title", "description", "default", "examples"}
)
#: Regular expressions that constrained decoding knows: not those that look around, of which
#: pydantic writes one for decimals.
_PLAIN = re.compile(r"(?!.*\(\?<?[=!])", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Subset:
    """What a provider takes of JSON schema.

    :param not_held: keywords that it does not hold answers to.
    :param formats: formats of strings that it knows; None for any.
    :param min_items: bounds of `minItems` that it holds; None for any.
    :param max_bound: largest bound of a length or a number of items that it holds; None for any.
    :param patterns: what the regular expressions that it knows match; None where it knows none.
    :param has_const: whether it knows ``const``; otherwise it is an ``enum`` of one.
    :param is_closed: whether objects that do not say that they are open are closed.
    :param wants_all: whether all properties of an object are required and none has a default.
    """

    not_held: frozenset[str] = frozenset()
    formats: frozenset[str] | None = None
    min_items: frozenset[int] | None = None
    max_bound: int | None = None
    patterns: re.Pattern[str] | None = _PLAIN
    has_const: bool = True
    is_closed: bool = False
    wants_all: bool = False


_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "ipv4", "ipv6", "uuid"}
)
_COUNTS = frozenset({"minProperties", "maxProperties", "minContains", "maxContains", "uniqueItems"})
#: What OpenAI takes where ``strict`` is true.
OPENAI = Subset(_COUNTS, _FORMATS, is_closed=True, wants_all=True)


def fitted_schema(schema: Any, subset: Subset, name: str, depth: int = 0) -> Any:
    """A copy of a schema that is in a provider's subset, as far as one can be.

    References stand alone, as most providers want them, and alternatives are ``anyOf``: of two
    sets of them, ``oneOf`` is told.

    :param name: the argument that it came in, for the error.
    :raises InvalidRequestError: it is nested deeper than `MAX_DEPTH`.
    """
    if depth > MAX_DEPTH:
        raise InvalidRequestError(f"{name} has a schema nested deeper than {MAX_DEPTH}")
    if isinstance(schema, list):
        return [fitted_schema(item, subset, name, depth + 1) for item in schema]
    if not isinstance(schema, Mapping):
        return schema
    kept: dict[str, Any] = {}
    told: dict[str, Any] = {}
    for key, value in schema.items():
        if key in subset.not_held or (key == "oneOf" and "anyOf" in schema):
            told[key] = value
        elif key in _MAPS and isinstance(value, Mapping):
            kept[key] = {
                own: fitted_schema(item, subset, name, depth + 1) for own, item in value.items()
            }
        elif key in _LISTS or key in _ONES:
            key = "anyOf" if key == "oneOf" else key
            kept[key] = fitted_schema(value, subset, name, depth + 1)
        elif key == "const" and not subset.has_const and type(value) in (str, int, float):
            kept["enum"] = [value]
        elif not _is_held(key, value, subset):
            told[key] = value
        else:
            kept[key] = value
    kept.pop("discriminator", None)  # OpenAPI's, which pydantic writes beside oneOf
    if "default" in told and told["default"] is None:
        del told["default"]  # the type says that it may be null
    if "patternProperties" in told:
        kept.pop("additionalProperties", None)  # what the patterns allow would be among them
    _fit_object(kept, subset)
    if told:
        kept["description"] = _described(kept.get("description"), told)
    if "$ref" in kept and any(not key.startswith("$") for key in kept):
        kept["anyOf"] = [{"$ref": kept.pop("$ref")}]
    return kept


def rooted(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """The schema with what its root refers to in the reference's place.

    Pydantic's schema of a class that refers to itself is but a reference; OpenAI wants an object.
    A reference beside which more is said of the value stays: both would not go into one schema.
    """
    reference = schema.get("$ref")
    if not isinstance(reference, str) or not reference.startswith("#/$defs/"):
        return schema
    if not schema.keys() <= _BESIDE_REFERENCE:
        return schema
    definitions = schema.get("$defs")
    found = definitions.get(reference[8:]) if isinstance(definitions, Mapping) else None
    if not isinstance(found, Mapping):
        return schema
    return {**found, **{key: value for key, value in schema.items() if key != "$ref"}}


def refers_to_itself(schema: Mapping[str, Any]) -> bool:
    """Whether a definition in the schema contains itself, however far down."""
    definitions = schema.get("$defs")
    uses = {
        f"#/$defs/{name}": set(_references(found))
        for name, found in (definitions.items() if isinstance(definitions, Mapping) else ())
    }
    uses["#"] = set(_references({k: v for k, v in schema.items() if k != "$defs"}))
    return bool(recurring(uses))


def recurring(uses: Mapping[str, set[str]]) -> set[str]:
    """The names that lead back to themselves, and those that lead from one of them to another.

    :param uses: the names that each one refers to.
    """
    forwards = _leading_to_cycles(uses)
    backwards: dict[str, set[str]] = {name: set() for name in forwards}
    for name in forwards:
        for used in uses[name] & forwards:
            backwards[used].add(name)
    return _leading_to_cycles(backwards)


def _leading_to_cycles(uses: Mapping[str, set[str]]) -> set[str]:
    """The names that are left when those that lead to none that is left are taken out."""
    left = {name: len(used & uses.keys()) for name, used in uses.items()}
    users: dict[str, list[str]] = {name: [] for name in uses}
    for name, used in uses.items():
        for one in used & uses.keys():
            users[one].append(name)
    ended = [name for name, n_used in left.items() if not n_used]
    while ended:
        name = ended.pop()
        del left[name]
        for user in users[name]:
            left[user] -= 1
            if not left[user]:
                ended.append(user)
    return set(left)


def is_open(schema: Any) -> bool:
    """Whether the schema leaves a part of the answer to the model: its type, or an object's keys.

    Such parts cannot be held strictly; neither can a tuple's items, each with a schema of its own,
    nor schemas that are joined or negated.
    """
    if not isinstance(schema, Mapping):
        return True
    if not schema.keys().isdisjoint(("prefixItems", "allOf", "not")):
        return True
    kind = schema.get("type")
    if _may_be(kind, "object") and not (
        "properties" in schema and not schema.get("additionalProperties")
    ):
        return True
    if _may_be(kind, "array") and "items" not in schema:
        return True
    says = ("type", "anyOf", "$ref", "enum", "const")
    return schema.keys().isdisjoint(says) or any(map(is_open, _parts(schema)))


def _is_held(key: str, value: Any, subset: Subset) -> bool:
    if key == "format":
        return subset.formats is None or (isinstance(value, str) and value in subset.formats)
    if key in _LENGTHS and not isinstance(value, int | float):
        return True  # it is no bound; who checks the schema says so
    if key in _LENGTHS and subset.max_bound is not None and value > subset.max_bound:
        return False
    if key == "minItems":
        return subset.min_items is None or value in subset.min_items
    if key == "pattern":
        return subset.patterns is not None and bool(subset.patterns.match(str(value)))
    if key == "default":
        return not subset.wants_all
    return True


def _may_be(kind: Any, name: str) -> bool:
    """Whether ``type`` allows a value of that name."""
    return kind == name or (isinstance(kind, list) and name in kind)


def _fit_object(kept: dict[str, Any], subset: Subset) -> None:
    if not _may_be(kept.get("type"), "object"):
        return
    if subset.is_closed:
        kept.setdefault("additionalProperties", False)
    if subset.wants_all and "properties" in kept:
        kept["required"] = list(kept["properties"])
        if kept.get("additionalProperties") is True:
            kept["additionalProperties"] = False  # keys that need not be there


def _described(description: Any, told: Mapping[str, Any]) -> str:
    bounds = ", ".join(f"{key}: {_text(value)}" for key, value in told.items())
    return f"{description}\n\n({bounds})" if description else f"({bounds})"


def _text(value: Any) -> str:
    try:
        return to_json(value).decode()
    except ValueError:
        return str(value)


def _parts(schema: Mapping[str, Any]) -> Iterator[Any]:
    """The schemas directly in a schema; an object's word on further keys is none."""
    for key, value in schema.items():
        if key in _MAPS and isinstance(value, Mapping):
            yield from value.values()
        elif key in _LISTS and isinstance(value, list):
            yield from value
        elif key in _ONES and isinstance(value, Mapping):
            yield value


def _references(schema: Any) -> Iterator[str]:
    if isinstance(schema, Mapping):
        if isinstance(reference := schema.get("$ref"), str):
            yield reference
        for part in _parts(schema):
            yield from _references(part)
