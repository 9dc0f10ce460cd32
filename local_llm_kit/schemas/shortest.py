"""How short a schema's shortest value is: what has none can never be finished.

The shortest value of a reference is that of what it points to, which may point back. The lengths
are the least solution of these equations, found from above: every unknown begins as infinite, and
one only gets shorter. Where the schema has no way to end (an object that requires itself), the
solution is infinite.
"""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

#: Rounds after which equations that still change count as unsolved; real schemas take two.
_MAX_ROUNDS = 64


def shortest(schema: Any, targets: Mapping[str, Any]) -> float:
    """A lower bound of the characters of any value that fits; infinite where none can end.

    :param schema: a vetted schema.
    :param targets: what its references point to, by reference.
    """
    known = dict.fromkeys(targets, math.inf)
    for _ in range(_MAX_ROUNDS):
        found = _Round(known, targets)
        now = {name: found.target(name) for name in targets}
        if now == known:
            break
        known = now
    return _Round(known, targets).size(schema)


class _Round:
    """One evaluation of every equation; those that others need first come first."""

    def __init__(self, before: Mapping[str, float], targets: Mapping[str, Any]) -> None:
        self._before = before
        self._targets = targets
        self._done: dict[str, float] = {}
        self._open: set[str] = set()

    def target(self, name: str) -> float:
        if name in self._done:
            return self._done[name]
        if name in self._open:
            return self._before[name]
        self._open.add(name)
        size = self._done[name] = self.size(self._targets[name])
        self._open.remove(name)
        return size

    def size(self, schema: Any) -> float:
        if schema is False:
            return math.inf
        if schema is True:
            return 1
        sizes = [self._own(schema)]
        if "$ref" in schema:
            sizes.append(self.target(schema["$ref"]))
        either = [schema[name] for name in ("anyOf", "oneOf") if name in schema]
        sizes += [min(map(self.size, branches)) for branches in either]
        sizes += map(self.size, schema.get("allOf", ()))
        return max(sizes)

    def _own(self, schema: Mapping[str, Any]) -> float:
        if "const" in schema:
            return len(json.dumps(schema["const"]))
        if "enum" in schema:
            return min(len(json.dumps(value)) for value in schema["enum"])
        kinds = schema.get("type", ["number"])
        return min(self._kind(kind, schema) for kind in kinds)

    def _kind(self, kind: str, schema: Mapping[str, Any]) -> float:
        if kind == "string":
            return 2 + float(schema.get("minLength", 0))
        if kind == "array":
            return 2 + self._items(schema)
        if kind == "object":
            return 2 + self._properties(schema)
        return 1 if kind in ("number", "integer") else 4

    def _items(self, schema: Mapping[str, Any]) -> float:
        least = schema.get("minItems", 0)
        first = schema.get("prefixItems", [])[:least]
        size = sum(map(self.size, first))
        if least > len(first):
            size += (least - len(first)) * (self.size(schema.get("items", True)) + 2)
        return size

    def _properties(self, schema: Mapping[str, Any]) -> float:
        known = schema.get("properties", {})
        other = schema.get("additionalProperties", True)
        names = schema.get("required", ())
        size = 0.0
        for name in names:
            # A name that only a pattern knows could be of any length: count the least.
            own = known.get(name, True if "patternProperties" in schema else other)
            size += len(name) + 4 + self.size(own)
        n_more: int = schema.get("minProperties", 0) - len(names)
        return size + 6 * max(0, n_more)
