"""A JSON schema said plainly: the same, in the words that all providers know best. Pure.

- All references are to ``#/$defs/NAME`` at the root, which holds what they lead to and no more.
- Properties that are required are described, if only as anything.
- Types that keywords imply are said, and with them what such a schema leaves open: values of other
  types. So the plain schema may allow less, and never more; but for ``oneOf``, which providers take
  for ``anyOf`` anyway.
- Annotations that tell a model nothing, and keywords that nobody knows, are left out.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from cloud.llm.json_schemas.check import LISTS, MAPS, ONES, Schema, resolved
from LLM.schemas import rooted

#: Keywords that imply a type where none is said.
_IMPLIED = {
    "object": "properties required additionalProperties patternProperties propertyNames "
    "minProperties maxProperties dependentRequired",
    "array": "items prefixItems minItems maxItems uniqueItems contains",
    "string": "minLength maxLength pattern format",
    "number": "minimum maximum exclusiveMinimum exclusiveMaximum multipleOf",
}
_TYPE_OF = {keyword: kind for kind, keywords in _IMPLIED.items() for keyword in keywords.split()}
_KINDS = {
    bool: "boolean", float: "number", int: "integer", str: "string", type(None): "null"
}  # fmt: skip
_SAYS_WHAT = frozenset({"type", "enum", "const", "$ref"}) | LISTS - {"prefixItems"}

#: What is left out: the definitions are gathered at the root, and the rest says nothing.
_KEPT = (
    ({"type", "enum", "const", "$ref", "title", "description", "default"} | set(_TYPE_OF))
    | {"minContains", "maxContains"}
    | (ONES | LISTS | MAPS) - {"$defs", "definitions"}
)
#: Where a part that allows less has the whole allow more.
_TURNED = frozenset({"not", "if", "maxContains"})
#: Asks which properties another part has described.
_COUNTS_DESCRIBED = frozenset({"unevaluatedProperties"})
_NOT_IN_NAME = re.compile(r"[^A-Za-z0-9_-]+")


def plain_schema(schema: Schema) -> dict[str, Any]:
    """A copy of a schema, said plainly.

    :param schema: one that `check_schema` lets pass.
    """
    return _Plainly(schema).said


class _Plainly:
    def __init__(self, schema: Schema) -> None:
        self._names: dict[str, str] = {}
        self._taken: set[str] = set()
        # The last number that was put behind a name to make it another.
        self._n_named: dict[str, int] = {}
        self._waiting: list[str] = []
        self._says_types = not _mentions(schema, _TURNED)
        self._describes = not _mentions(schema, _COUNTS_DESCRIBED)
        definitions: dict[str, Any] = {}
        said = self._said(schema)
        while self._waiting:
            reference = self._waiting.pop(0)
            definitions[self._names[reference]] = self._said(resolved(schema, reference))
        if definitions:
            said["$defs"] = definitions
        self.said = _without_used_up(dict(rooted(said)))

    def _said(self, schema: Any) -> Any:
        if isinstance(schema, bool):
            return {} if schema else {"not": {}}
        said: dict[str, Any] = {}
        for key, value in schema.items():
            if key == "$ref":
                said[key] = f"#/$defs/{self._name(value)}"
            elif key in MAPS and key in _KEPT:
                said[key] = {name: self._said(part) for name, part in value.items()}
            elif key in LISTS:
                said[key] = [self._said(part) for part in value]
            elif key == "additionalProperties" and isinstance(value, bool):
                said[key] = value
            elif key in ONES:
                said[key] = self._said(value)
            elif key in _KEPT:
                said[key] = value
        if "anyOf" in said and "oneOf" in said:
            both = [{key: said.pop(key)} for key in ("anyOf", "oneOf")]
            said["allOf"] = [*said.get("allOf", ()), *both]
        if len(said.get("allOf", ())) == 1 and said.keys().isdisjoint(("anyOf", "oneOf")):
            said["anyOf"] = said.pop("allOf")  # of one, the same, and known to more
        if "required" in said and "patternProperties" not in said and self._describes:
            unsaid = self._said(said.get("additionalProperties", True))
            known = said.setdefault("properties", {})
            known.update((name, unsaid) for name in said["required"] if name not in known)
        if "type" not in said and (kinds := _kinds(said)):
            # OpenAI refuses listed values without a type.
            said = {"type": kinds[0] if len(kinds) == 1 else kinds, **said}
        if self._says_types and _SAYS_WHAT.isdisjoint(said):
            implied = {_TYPE_OF[key] for key in said if key in _TYPE_OF}
            if len(implied) == 1:
                said = {"type": implied.pop(), **said}
        return said

    def _name(self, reference: str) -> str:
        """The name under which the root defines what a reference leads to."""
        if reference not in self._names:
            last = reference.rpartition("/")[2] if "/" in reference else "root"
            name = _NOT_IN_NAME.sub("_", last) or "part"
            wanted, number = name, self._n_named.get(name, 1)
            while name in self._taken:
                number += 1
                name = f"{wanted}_{number}"
            self._n_named[wanted] = number
            self._taken.add(name)
            self._names[reference] = name
            self._waiting.append(reference)
        return self._names[reference]


def _mentions(value: Any, keywords: frozenset[str]) -> bool:
    """Whether a keyword may be anywhere in a schema; a property of its name is taken for it."""
    if isinstance(value, list):
        return any(_mentions(one, keywords) for one in value)
    if not isinstance(value, dict):
        return False
    return not keywords.isdisjoint(value) or any(_mentions(one, keywords) for one in value.values())


def _kinds(schema: Schema) -> list[str]:
    """The types of the values that a schema lists, if they have no parts."""
    listed = [*schema.get("enum", ()), *([schema["const"]] if "const" in schema else ())]
    kinds = {_KINDS.get(type(value), "") for value in listed}
    return [] if "" in kinds else sorted(kinds)


def _without_used_up(schema: dict[str, Any]) -> dict[str, Any]:
    """The schema without definitions that nothing refers to any more."""
    definitions = schema.pop("$defs", {})
    used: dict[str, Any] = {}
    waiting = list(references(schema))
    while waiting:
        name = waiting.pop()
        if name not in used:
            used[name] = definitions[name]
            waiting += references(definitions[name])
    if used:
        schema["$defs"] = {name: one for name, one in definitions.items() if name in used}
    return schema


def references(schema: Any) -> Iterator[str]:
    """The names of definitions that a plain schema refers to, its own definitions left out."""
    for one in plain_parts(schema):
        if "$ref" in one:
            yield one["$ref"][8:]


def plain_parts(schema: Any) -> Iterator[Mapping[str, Any]]:
    """A plain schema and the schemas in it, its definitions left out."""
    if not isinstance(schema, Mapping):
        return
    yield schema
    for key, value in schema.items():
        if key in ONES:
            yield from plain_parts(value)
        elif key in LISTS:
            for one in value:
                yield from plain_parts(one)
        elif key in MAPS and key != "$defs":
            for one in value.values():
                yield from plain_parts(one)
