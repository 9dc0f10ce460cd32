"""Whether the branches of a ``oneOf`` exclude each other, so that any of them is exactly one.

A grammar can say "any of these"; "one and no other" it can say only where two never fit together:
values of different types, different fixed values, or objects that a required property tells apart.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from itertools import combinations
from typing import Any

from local_llm_kit.schemas.keywords import TYPES

#: Gives what a reference points to.
Find = Callable[[str], Any]
_MAX_LINKS = 16


def exclude_each_other(branches: Iterable[Any], find: Find) -> bool:
    """Whether no value fits two of the branches, as far as can be seen."""
    judge = _Judge(find)
    seen = [judge.resolved(branch) for branch in branches]
    return all(judge.apart(one, other) for one, other in combinations(seen, 2))


class _Judge:
    """Looks at each pair of parts once: by references, one pair is met in very many places."""

    def __init__(self, find: Find) -> None:
        self._find = find
        self._known: dict[tuple[int, int], bool] = {}

    def resolved(self, schema: Any) -> Any:
        """What a reference leads to."""
        for _ in range(_MAX_LINKS):
            if not isinstance(schema, dict) or "$ref" not in schema:
                break
            schema = self._find(schema["$ref"])
        return schema

    def apart(self, one: Any, other: Any) -> bool:
        """Whether no value fits both; False where that is asked again on the way to an answer."""
        pair = (id(one), id(other))
        if pair not in self._known:
            self._known[pair] = False
            self._known[pair] = self._compared(one, other)
        return self._known[pair]

    def _compared(self, one: Any, other: Any) -> bool:
        if not isinstance(one, Mapping) or not isinstance(other, Mapping):
            return False
        if _types(one).isdisjoint(_types(other)):
            return True
        values, others = _values(one), _values(other)
        if values is not None and others is not None:
            return values.isdisjoint(others)
        tags = set(one.get("required", ())) & set(other.get("required", ()))
        return _types(one) == _types(other) == {"object"} and any(
            self.apart(self._property(one, tag), self._property(other, tag)) for tag in tags
        )

    def _property(self, schema: Mapping[str, Any], name: str) -> Any:
        return self.resolved(schema.get("properties", {}).get(name))


def _types(schema: Mapping[str, Any]) -> set[str]:
    """The types of values that may fit; a whole number is a number."""
    kinds = set(schema.get("type", TYPES))
    return kinds | {"integer"} if "number" in kinds else kinds


def _values(schema: Mapping[str, Any]) -> set[str] | None:
    """The values of a schema that lists plain ones, comparable; None where it does not."""
    if "const" not in schema and "enum" not in schema:
        return None
    listed = schema["enum"] if "enum" in schema else [schema["const"]]
    if any(isinstance(value, (list, dict)) for value in listed):
        return None
    return {_key(value) for value in listed}


def _key(value: Any) -> str:
    # 1 and 1.0 are one value, 1 and true are two.
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return json.dumps(value)
