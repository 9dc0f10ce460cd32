"""Whether a value fits a JSON schema, draft 2020-12: compiled once, checked in little time. Pure.

Schemas and answers may come from strangers, so no value takes long to check:

- patterns are matched by an engine whose time is linear in the text, which has no look-around;
- lists of values are hashed, not searched;
- schemas that are tried beyond one for each part of the value are counted, and the count is
  bounded, for references and alternatives multiply without end.

``format`` is an annotation, as the standard has it by default.

Source: https://json-schema.org/draft/2020-12/json-schema-core.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from cloud.llm.json_schemas.check import Schema, resolved
from LLM.exceptions import InvalidRequestError
from llmring.structured_keywords import KEYWORDS, Check, MisfitError, matcher, quoted

#: Schemas tried for one value, beyond one for each of its parts: half a second's work.
MAX_TRIES = 250_000

_NOT_CHECKED = {
    "unevaluatedItems": "use items",
    "unevaluatedProperties": "use additionalProperties",
}


class _TooMuchError(Exception):
    """A value takes too long to check."""


class _Count:
    """How many schemas may still be tried for one value."""

    __slots__ = ("_left",)

    def __init__(self) -> None:
        self._left = MAX_TRIES

    def take(self, tries: int = 1) -> None:
        self._left -= tries
        if self._left < 0:
            raise _TooMuchError


#: Checks a value as a `Check` does, and counts what it tries.
_Part = Callable[[Any, _Count], None]


def compiled(schema: Schema) -> Check:
    """A function that checks values; threads may share it.

    :param schema: one that `check_schema` lets pass; not to be changed afterwards.
    :raises InvalidRequestError: it has a keyword or a pattern that cannot be checked here.
    """
    compiler = _Compiler(schema)
    check_root = compiler.part(schema, "$")
    compiler.finish()

    def check(value: Any) -> None:
        try:
            check_root(value, _Count())
            return
        except _TooMuchError:
            problem = f"more than {MAX_TRIES:,} schemas would have to be tried"
        except RecursionError:
            problem = "it is nested too deep to be checked"
        raise MisfitError(problem)

    return check


def _anything(_value: Any, _count: _Count) -> None:
    return


def _nothing(value: Any, _count: _Count) -> None:
    raise MisfitError(f"{quoted(value)} stands where nothing may")


def _fits(part: _Part, value: Any, count: _Count) -> bool:
    count.take()
    try:
        part(value, count)
    except MisfitError:
        return False
    return True


class _Compiler:
    """Makes the checks of one document's schemas.

    A method that is named by a keyword gives that keyword's check; those of keywords that belong
    together are made as one.
    """

    def __init__(self, document: Schema) -> None:
        self._document = document
        self._referred: dict[str, _Part] = {}
        self._waiting: list[str] = []

    def finish(self) -> None:
        """Make the checks of what is referred to, one after the other however long the chain."""
        while self._waiting:
            reference = self._waiting.pop()
            if reference not in self._referred:
                found = resolved(self._document, reference)
                self._referred[reference] = self.part(found, reference)

    def part(self, schema: Any, place: str) -> _Part:
        """One schema's check.

        :param place: where it stands, for errors.
        """
        if isinstance(schema, bool):
            return _anything if schema else _nothing
        checks = [KEYWORDS[key](value) for key, value in schema.items() if key in KEYWORDS]
        parts = list(self._parts(schema, place))
        if not checks and len(parts) < 2:
            return parts[0] if parts else _anything

        def check_each(value: Any, count: _Count) -> None:
            for check in checks:
                check(value)
            for part in parts:
                part(value, count)

        return check_each

    def _parts(self, schema: Schema, place: str) -> Iterator[_Part]:
        for keyword, value in schema.items():
            if keyword in _NOT_CHECKED:
                raise InvalidRequestError(
                    f"{place}.{keyword} cannot be checked here; {_NOT_CHECKED[keyword]}"
                )
            if keyword in _APPLIED:
                yield _APPLIED[keyword](self, value, f"{place}.{keyword}")
        for keywords, make in _JOINED:
            if not keywords.isdisjoint(schema):
                yield make(self, schema, place)

    def _several(self, schemas: list[Any], place: str) -> list[_Part]:
        return [self.part(one, f"{place}[{i}]") for i, one in enumerate(schemas)]

    def ref(self, reference: str, _place: str) -> _Part:
        referred = self._referred
        self._waiting.append(reference)

        def check_referred(value: Any, count: _Count) -> None:
            count.take()
            referred[reference](value, count)

        return check_referred

    def all_of(self, schemas: list[Any], place: str) -> _Part:
        parts = self._several(schemas, place)

        def check_all_of(value: Any, count: _Count) -> None:
            count.take(len(parts))
            for one in parts:
                one(value, count)

        return check_all_of

    def any_of(self, schemas: list[Any], place: str) -> _Part:
        parts = self._several(schemas, place)

        def check_any_of(value: Any, count: _Count) -> None:
            deepest: MisfitError | None = None
            for one in parts:
                count.take()
                try:
                    one(value, count)
                    return
                except MisfitError as err:
                    if deepest is None or len(err.way) > len(deepest.way):
                        deepest = err
            # The alternative that fitted furthest into the value is the one that was meant.
            if deepest is not None and (deepest.way or len(parts) == 1):
                raise deepest
            raise MisfitError(f"{quoted(value)} fits none of the alternatives")

        return check_any_of

    def one_of(self, schemas: list[Any], place: str) -> _Part:
        parts = self._several(schemas, place)
        check_any_of = self.any_of(schemas, place)

        def check_one_of(value: Any, count: _Count) -> None:
            n_fitting = sum(_fits(one, value, count) for one in parts)
            if n_fitting == 0:
                check_any_of(value, count)
            if n_fitting > 1:
                raise MisfitError(f"{quoted(value)} fits {n_fitting} alternatives, not one")

        return check_one_of

    def not_(self, schema: Any, place: str) -> _Part:
        part = self.part(schema, place)

        def check_not(value: Any, count: _Count) -> None:
            if _fits(part, value, count):
                raise MisfitError(f"{quoted(value)} is what it must not be")

        return check_not

    def pattern(self, pattern: str, place: str) -> _Part:
        matches = matcher(pattern, place)

        def check_pattern(value: Any, _count: _Count) -> None:
            if isinstance(value, str) and not matches(value):
                raise MisfitError(f"{quoted(value)} does not match the pattern {quoted(pattern)}")

        return check_pattern

    def property_names(self, schema: Any, place: str) -> _Part:
        part = self.part(schema, place)

        def check_names(value: Any, count: _Count) -> None:
            if isinstance(value, dict):
                count.take(len(value))
                for name in value:
                    part(name, count)

        return check_names

    def dependent_schemas(self, schemas: Mapping[str, Any], place: str) -> _Part:
        parts = {name: self.part(one, f"{place}.{name}") for name, one in schemas.items()}

        def check_dependents(value: Any, count: _Count) -> None:
            if isinstance(value, dict):
                for name in value.keys() & parts.keys():
                    count.take()
                    parts[name](value, count)

        return check_dependents

    def if_(self, schema: Schema, place: str) -> _Part:
        condition = self.part(schema["if"], f"{place}.if")
        then = self.part(schema.get("then", True), f"{place}.then")
        otherwise = self.part(schema.get("else", True), f"{place}.else")

        def check_if(value: Any, count: _Count) -> None:
            (then if _fits(condition, value, count) else otherwise)(value, count)

        return check_if

    def items(self, schema: Schema, place: str) -> _Part:
        first = self._several(schema.get("prefixItems", []), f"{place}.prefixItems")
        rest = self.part(schema.get("items", True), f"{place}.items")

        def check_items(value: Any, count: _Count) -> None:
            if not isinstance(value, list):
                return
            i = 0
            try:
                for i, item in enumerate(value):
                    (first[i] if i < len(first) else rest)(item, count)
            except MisfitError as err:
                err.way.append(i)
                raise

        return check_items

    def contains(self, schema: Schema, place: str) -> _Part:
        part = self.part(schema["contains"], f"{place}.contains")
        least, most = schema.get("minContains", 1), schema.get("maxContains", math.inf)

        def check_contains(value: Any, count: _Count) -> None:
            if not isinstance(value, list):
                return
            found = sum(_fits(part, item, count) for item in value)
            if not least <= found <= most:
                wanted = f"{least} or more" if most == math.inf else f"{least} to {most}"
                raise MisfitError(f"{found} items are as `contains` wants {wanted} to be")

        return check_contains

    def properties(self, schema: Schema, place: str) -> _Part:
        known = {
            name: self.part(one, f"{place}.properties.{name}")
            for name, one in schema.get("properties", {}).items()
        }
        check_others = self._others(schema, place)
        # Most properties are known by name, and there is nothing more to say of them.
        looks_at_all = "patternProperties" in schema

        def check_properties(value: Any, count: _Count) -> None:
            if not isinstance(value, dict):
                return
            name = ""
            try:
                for name, one in value.items():
                    part = known.get(name)
                    if part is not None:
                        part(one, count)
                    if part is None or looks_at_all:
                        check_others(name, one, count, part is not None)
            except MisfitError as err:
                err.way.append(name)
                raise

        return check_properties

    def _others(self, schema: Schema, place: str) -> Callable[[str, Any, _Count, bool], None]:
        """The check of properties by patterns and, where nothing knows them, of the others."""
        patterns = [
            (matcher(pattern, f"{place}.patternProperties"), self.part(one, f"{place}.{pattern}"))
            for pattern, one in schema.get("patternProperties", {}).items()
        ]
        wanted = schema.get("additionalProperties", True)
        rest = None if wanted is False else self.part(wanted, f"{place}.additionalProperties")

        def check_other(name: str, value: Any, count: _Count, is_known: bool) -> None:
            for matches, part in patterns:
                count.take()
                if matches(name):
                    is_known = True
                    part(value, count)
            if is_known:
                return
            if rest is None:
                raise MisfitError("the schema has no such property")
            rest(value, count)

        return check_other


#: Keywords that apply schemas, and those that do so together with others beside them.
_APPLIED: dict[str, Callable[[_Compiler, Any, str], _Part]] = {
    "$ref": _Compiler.ref,
    "allOf": _Compiler.all_of,
    "anyOf": _Compiler.any_of,
    "oneOf": _Compiler.one_of,
    "not": _Compiler.not_,
    "pattern": _Compiler.pattern,
    "propertyNames": _Compiler.property_names,
    "dependentSchemas": _Compiler.dependent_schemas,
}
_JOINED: tuple[tuple[frozenset[str], Callable[[_Compiler, Schema, str], _Part]], ...] = (
    (frozenset({"if"}), _Compiler.if_),
    (frozenset({"items", "prefixItems"}), _Compiler.items),
    (frozenset({"contains"}), _Compiler.contains),
    (
        frozenset({"properties", "patternProperties", "additionalProperties"}),
        _Compiler.properties,
    ),
)
