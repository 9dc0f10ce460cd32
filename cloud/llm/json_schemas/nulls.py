"""Optional properties for providers that want all of them: null stands for one left out. Pure.

`with_nulls` lets each property that may be missing be null, and `without_nulls` drops those nulls
from the answer again, so that it fits the schema as its owner wrote it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cloud.llm.json_schemas.check import LISTS, MAPS, ONES

Schema = Mapping[str, Any]

_NULL = {"type": "null"}
#: Most values, each tried with a schema: half a second's work.
_MAX_STEPS = 250_000
#: Keywords that allow no null even beside a type that does.
_LIMITS = frozenset({"anyOf", "oneOf", "allOf", "not", "$ref", "enum", "const", "if"})


def with_nulls(schema: Any) -> Any:
    """A copy of a plain schema in which optional properties may be null.

    :param schema: as `plain_schema` gives it.
    """
    if not isinstance(schema, Mapping):
        return schema
    copy: dict[str, Any] = {}
    for key, value in schema.items():
        if key in MAPS:
            copy[key] = {name: with_nulls(one) for name, one in value.items()}
        elif key in LISTS:
            copy[key] = [with_nulls(one) for one in value]
        elif key in ONES:
            copy[key] = with_nulls(value)
        else:
            copy[key] = value
    required = copy.get("required", ())
    for name, one in copy.get("properties", {}).items():
        if name not in required:
            copy["properties"][name] = _nullable(one)
    return copy


def without_nulls(value: Any, schema: Schema) -> tuple[Any, bool]:
    """An answer without the nulls that stand for properties left out.

    A null is dropped where the property is optional and its schema allows none; everything else is
    kept, whether it fits or not.

    :param value: JSON's types; not changed.
    :param schema: as `plain_schema` gives it.
    :return: the answer, which is `value` itself where there are none; and whether it fits, as far
        as types, names and listed values tell.
    """
    try:
        return _Dropping(schema.get("$defs", {})).of(value, schema)
    except (RecursionError, _TooMuchError):
        return value, False  # more than anyone asks for: whoever checks the answer says so


def _nullable(schema: dict[str, Any]) -> dict[str, Any]:
    kind = schema.get("type")
    if _LIMITS.isdisjoint(schema):
        if kind is None or kind == "null" or (isinstance(kind, list) and "null" in kind):
            return schema
        return {**schema, "type": [*([kind] if isinstance(kind, str) else kind), "null"]}
    if set(schema) <= {"anyOf", "title", "description"}:
        options = schema["anyOf"]
        return schema if _NULL in options else {**schema, "anyOf": [*options, _NULL]}
    described: dict[str, Any] = {
        key: schema[key] for key in ("title", "description") if key in schema
    }
    rest = {key: value for key, value in schema.items() if key not in described}
    return {"anyOf": [rest, _NULL], **described}


class _TooMuchError(Exception):
    """An answer has too many values, or its schema too many alternatives for them."""


class _Dropping:
    """One answer's walk along its schema.

    :ivar of: gives for a value and its schema the value without such nulls, and whether it fits as
        far as types, names and listed values tell; for one of several alternatives is chosen by it.
    """

    def __init__(self, definitions: Mapping[str, Any]) -> None:
        self._definitions = definitions
        # By ids, with the values, so that no other value gets the id of one that is gone.
        self._known: dict[tuple[int, int], tuple[Any, tuple[Any, bool]]] = {}
        self._left = _MAX_STEPS

    def of(self, value: Any, schema: Schema) -> tuple[Any, bool]:
        key = id(value), id(schema)
        if key not in self._known:
            self._left -= 1 + len(schema.get("enum", ())) // 50
            if self._left < 0:
                raise _TooMuchError
            is_scalar = value is None or isinstance(value, str | int | float)
            found = (value, self._fits(value, schema)) if is_scalar else self._walk(value, schema)
            self._known[key] = value, found
        return self._known[key][1]

    def _allows(self, value: Any, schema: Schema) -> bool:
        return self.of(value, schema)[1]

    def _fits(self, value: Any, schema: Schema) -> bool:
        """Whether a value without parts fits."""
        if not _says_type(value, schema) or not _is_listed(value, schema):
            return False
        if "$ref" in schema and not self._allows(value, self._target(schema)):
            return False
        for key in ("anyOf", "oneOf"):
            if key in schema and not any(self._allows(value, one) for one in schema[key]):
                return False
        return all(self._allows(value, one) for one in schema.get("allOf", ()))

    def _walk(self, value: Any, schema: Schema) -> tuple[Any, bool]:
        fits = _says_type(value, schema) and _is_listed(value, schema)
        if isinstance(value, list):
            value, fits_inside = self._list(value, schema)
        else:
            value, fits_inside = self._object(value, schema)
        fits = fits and fits_inside
        for one in self._joined(schema):
            value, fits_one = self.of(value, one)
            fits = fits and fits_one
        for key in ("anyOf", "oneOf"):
            if key in schema:
                value, fits_one = self._chosen(value, schema[key])
                fits = fits and fits_one
        return value, fits

    def _joined(self, schema: Schema) -> list[Schema]:
        """The schemas that hold beside this one."""
        target = [self._target(schema)] if "$ref" in schema else []
        return [*target, *schema.get("allOf", ())]

    def _chosen(self, value: Any, options: list[Schema]) -> tuple[Any, bool]:
        """The value as the alternative has it that it fits; best one that drops nothing."""
        found = [self.of(value, one) for one in options]
        fitting = [dropped for dropped, fits in found if fits]
        if not fitting:
            return value, False
        return next((same for same in fitting if same is value), fitting[0]), True

    def _list(self, value: list[Any], schema: Schema) -> tuple[Any, bool]:
        first = schema.get("prefixItems", [])
        rest = schema.get("items", {})
        found = [self.of(one, first[i] if i < len(first) else rest) for i, one in enumerate(value)]
        fits = all(one_fits for _, one_fits in found)
        if all(new is old for (new, _), old in zip(found, value, strict=True)):
            return value, fits
        return [new for new, _ in found], fits

    def _object(self, value: dict[str, Any], schema: Schema) -> tuple[Any, bool]:
        properties = schema.get("properties", {})
        required = schema.get("required", ())
        others = schema.get("additionalProperties", {})
        fits = all(name in value for name in required)
        kept: dict[str, Any] = {}
        is_changed = False
        for name, one in value.items():
            if name not in properties:
                if isinstance(others, bool):
                    fits = fits and (others or "patternProperties" in schema)
                    kept[name] = one
                    continue
                kept[name], one_fits = self.of(one, others)
            elif one is None and name not in required and not self._allows(None, properties[name]):
                is_changed = True
                continue
            else:
                kept[name], one_fits = self.of(one, properties[name])
            fits = fits and one_fits
            is_changed = is_changed or kept[name] is not one
        return (kept if is_changed else value), fits

    def _target(self, schema: Schema) -> Schema:
        found: Schema = self._definitions[schema["$ref"][8:]]
        return found


def _says_type(value: Any, schema: Schema) -> bool:
    said = schema.get("type")
    if said is None:
        return True
    kinds = [said] if isinstance(said, str) else said
    if value is None or isinstance(value, bool):
        return ("null" if value is None else "boolean") in kinds
    if isinstance(value, str):
        return "string" in kinds
    if isinstance(value, int | float):
        return "number" in kinds or ("integer" in kinds and value == value // 1)
    return ("array" if isinstance(value, list) else "object") in kinds


def _is_listed(value: Any, schema: Schema) -> bool:
    if "const" in schema and not _equal(schema["const"], value):
        return False
    return "enum" not in schema or any(_equal(one, value) for one in schema["enum"])


def _equal(one: Any, other: Any) -> bool:
    """As JSON has it: true is not 1."""
    return bool(one == other) and isinstance(one, bool) is isinstance(other, bool)
