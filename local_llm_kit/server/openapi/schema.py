"""Words for JSON schemas, so that the tables of operations stay readable.

Source: https://json-schema.org/draft/2020-12
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Schema = dict[str, Any]

TEXT: Schema = {"type": "string"}
FLAG: Schema = {"type": "boolean"}
WHOLE: Schema = {"type": "integer"}
NUMBER: Schema = {"type": "number"}
OBJECT: Schema = {"type": "object"}
NULL: Schema = {"type": "null"}


def text(low: int = 0, high: int | None = None) -> Schema:
    """A text of `low` to `high` characters."""
    return TEXT | ({"minLength": low} if low else {}) | ({"maxLength": high} if high else {})


def one_of(*values: Any) -> Schema:
    """One of some values."""
    return {"enum": list(values)}


def integer(low: int, high: int) -> Schema:
    """A whole number from `low` to `high`."""
    return WHOLE | {"minimum": low, "maximum": high}


def number(low: float, high: float, *, above: bool = False) -> Schema:
    """A number from `low` to `high`, or with `above` more than `low`."""
    return NUMBER | {"exclusiveMinimum" if above else "minimum": low, "maximum": high}


def listed(items: Schema, low: int = 0, high: int | None = None) -> Schema:
    """A list of `low` to `high` items."""
    found: Schema = {"type": "array", "items": items}
    return found | ({"minItems": low} if low else {}) | ({"maxItems": high} if high else {})


def any_of(*schemas: Schema) -> Schema:
    """What fits one of some schemas."""
    return {"anyOf": list(schemas)}


def nullable(schema: Schema) -> Schema:
    """That or null."""
    return any_of(schema, NULL)


def described(schema: Schema, description: str) -> Schema:
    """That, with words about it."""
    return schema | {"description": description}


def ref(name: str) -> Schema:
    """A schema of the document by its name."""
    return {"$ref": f"#/components/schemas/{name}"}


def request(
    required: Mapping[str, Schema], optional: Mapping[str, Schema], *, open_: bool = False
) -> Schema:
    """The fields of a request, or of an object in one.

    :param optional: null is the same as leaving the field out.
    :param open_: whether there may be other fields.
    """
    fields = {**required, **{name: nullable(one) for name, one in optional.items()}}
    closed: Schema = {} if open_ else {"additionalProperties": False}
    return _object(fields, list(required)) | closed


def answer(fields: Mapping[str, Schema], optional: Sequence[str] = ()) -> Schema:
    """The fields of an answer; a later version may add some.

    :param optional: those that may be missing.
    """
    return _object(fields, [name for name in fields if name not in optional])


def _object(fields: Mapping[str, Schema], required: list[str]) -> Schema:
    found: Schema = {"type": "object", "properties": dict(fields)}
    return found | ({"required": required} if required else {})
