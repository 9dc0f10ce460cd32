"""The keywords of JSON schema that look at a value as it stands, each made a check. Pure.

Source: https://json-schema.org/draft/2020-12/json-schema-validation.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

from pydantic_core import SchemaError, SchemaValidator, core_schema

from LLM.exceptions import InvalidRequestError

#: Longest value that an error quotes, in characters.
_MAX_QUOTED_CHARS = 80


class MisfitError(Exception):
    """A value does not fit a schema.

    :param problem: what is wrong with the value there.
    """

    def __init__(self, problem: str) -> None:
        super().__init__(problem)
        self.problem = problem
        #: The way to the value, from the inside out.
        self.way: list[str | int] = []

    def __str__(self) -> str:
        steps = (f"[{step}]" if isinstance(step, int) else f".{step}" for step in self.way[::-1])
        return f"at ${''.join(steps)[:200]}: {self.problem}"


#: Raises `MisfitError` for a value that does not fit.
Check = Callable[[Any], None]


def quoted(value: Any) -> str:
    """A value as errors show it."""
    if isinstance(value, list | dict) and len(value) > 10:
        return f"a {'list' if isinstance(value, list) else 'dict'} of {len(value):,}"
    text = repr(value[:_MAX_QUOTED_CHARS] if isinstance(value, str) else value)
    return text if len(text) <= _MAX_QUOTED_CHARS else f"{text[:_MAX_QUOTED_CHARS]}…"


def matcher(pattern: str, place: str) -> Callable[[str], bool]:
    """Whether a text holds what a regular expression describes, in time linear in the text.

    :raises InvalidRequestError: the expression is none, or looks around or back.
    """
    try:
        # pydantic's engine is Rust's, which never goes back.
        schema = core_schema.str_schema(pattern=pattern, regex_engine="rust-regex")
        return SchemaValidator(schema).isinstance_python
    except SchemaError as err:
        problem = str(err).rpartition("error: ")[2].strip()
    raise InvalidRequestError(
        f"{place} is {quoted(pattern)}, which cannot be checked here: {problem[:200]}"
    )


def _type(said: str | list[str]) -> Check:
    kinds = [said] if isinstance(said, str) else said
    expected = " or ".join(map(repr, kinds))
    classes = tuple(cls for kind in kinds for cls in _CLASSES[kind])
    allows_bool = "boolean" in kinds
    whole_only = "integer" in kinds and "number" not in kinds

    def check_type(value: Any) -> None:
        if isinstance(value, classes) and (allows_bool or not isinstance(value, bool)):
            if whole_only and isinstance(value, float) and not value.is_integer():
                raise MisfitError(f"{quoted(value)} is not of type {expected}")
            return
        raise MisfitError(f"{quoted(value)} is not of type {expected}")

    return check_type


_CLASSES: dict[str, tuple[type, ...]] = {
    "array": (list,),
    "boolean": (bool,),
    "integer": (int, float),
    "null": (type(None),),
    "number": (int, float),
    "object": (dict,),
    "string": (str,),
}


def key_of(value: Any) -> Any:
    """What is equal for equal values of JSON, and for them alone: true is not 1, but 1.0 is."""
    if isinstance(value, bool):
        return bool, value
    if isinstance(value, list):
        return list, tuple(map(key_of, value))
    if isinstance(value, dict):
        return dict, frozenset((name, key_of(one)) for name, one in value.items())
    return value


def _enum(values: list[Any]) -> Check:
    keys = frozenset(map(key_of, values))
    shown = ", ".join(map(quoted, values[:10])) + (", …" if len(values) > 10 else "")

    def check_enum(value: Any) -> None:
        if key_of(value) not in keys:
            raise MisfitError(f"{quoted(value)} is not one of {shown}")

    return check_enum


def _const(expected: Any) -> Check:
    key = key_of(expected)

    def check_const(value: Any) -> None:
        if key_of(value) != key:
            raise MisfitError(f"{quoted(value)} is not {quoted(expected)}")

    return check_const


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _bound(fits: Callable[[Any, Any], bool], name: str) -> Callable[[Any], Check]:
    def part(bound: Any) -> Check:
        def check_bound(value: Any) -> None:
            if _is_number(value) and not fits(value, bound):
                raise MisfitError(f"{quoted(value)} is not {name} {bound}")

        return check_bound

    return part


def _multiple_of(divisor: Any) -> Check:
    def check_multiple(value: Any) -> None:
        # By their decimals, for 0.3 is three times 0.1, though its float is not.
        if _is_number(value) and (_fraction(value) / _fraction(divisor)).denominator != 1:
            raise MisfitError(f"{quoted(value)} is not a multiple of {divisor}")

    return check_multiple


def _fraction(number: int | float) -> Fraction:
    return Fraction(number) if isinstance(number, int) else Fraction(repr(number))


def _length(
    kind: type[Any], is_enough: Callable[[int, Any], bool], words: str
) -> Callable[[Any], Check]:
    def part(bound: Any) -> Check:
        def check_length(value: Any) -> None:
            if isinstance(value, kind) and not is_enough(len(value), bound):
                raise MisfitError(f"{quoted(value)} has not {words.format(int(bound))}")

        return check_length

    return part


def _at_least(length: int, bound: Any) -> bool:
    return bool(length >= bound)


def _at_most(length: int, bound: Any) -> bool:
    return bool(length <= bound)


def _unique_items(wanted: bool) -> Check:
    def check_unique(value: Any) -> None:
        if wanted and isinstance(value, list) and len(set(map(key_of, value))) < len(value):
            raise MisfitError(f"{quoted(value)} has the same item twice")

    return check_unique


def _required(names: list[str]) -> Check:
    def check_required(value: Any) -> None:
        if isinstance(value, dict):
            for name in names:
                if name not in value:
                    raise MisfitError(f"the property {quoted(name)} is missing")

    return check_required


def _dependent_required(dependents: Mapping[str, list[str]]) -> Check:
    checks = {name: _required(names) for name, names in dependents.items()}

    def check_dependents(value: Any) -> None:
        if isinstance(value, dict):
            for name in value.keys() & checks.keys():
                checks[name](value)

    return check_dependents


#: Makes the check of each keyword of its value in the schema.
KEYWORDS: dict[str, Callable[[Any], Check]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "minimum": _bound(lambda value, bound: bool(value >= bound), "at least"),
    "maximum": _bound(lambda value, bound: bool(value <= bound), "at most"),
    "exclusiveMinimum": _bound(lambda value, bound: bool(value > bound), "above"),
    "exclusiveMaximum": _bound(lambda value, bound: bool(value < bound), "below"),
    "multipleOf": _multiple_of,
    "minLength": _length(str, _at_least, "{} characters or more"),
    "maxLength": _length(str, _at_most, "{} characters or fewer"),
    "minItems": _length(list, _at_least, "{} items or more"),
    "maxItems": _length(list, _at_most, "{} items or fewer"),
    "minProperties": _length(dict, _at_least, "{} properties or more"),
    "maxProperties": _length(dict, _at_most, "{} properties or fewer"),
    "uniqueItems": _unique_items,
    "required": _required,
    "dependentRequired": _dependent_required,
}
