"""JSON schemas as Anthropic's clients send them, before they are vetted.

A keyword that JSON Schema does not know says nothing, by its specification, and so does a property
whose schema is none. Here they are taken out, and what is left is held as everywhere; elsewhere
they are refused, for they may be typing errors. The header of the answer names the schema.

Source: https://json-schema.org/draft/2020-12/json-schema-core#section-6.5
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from local_llm_kit.schemas import KNOWN_KEYWORDS
from local_llm_kit.schemas.vet import MAX_DEPTH

_MAPS = ("properties", "patternProperties", "$defs", "definitions")
_LISTS = ("anyOf", "allOf", "oneOf", "prefixItems")
_SINGLES = ("items", "additionalProperties")


def cleaned(schema: Mapping[str, Any], where: str, ignored: list[str]) -> dict[str, Any]:
    """A schema without what says nothing.

    :param where: the argument that it came in.
    :param ignored: takes that name where something was taken out.
    """
    out: dict[str, Any] = _cleaned(schema, 0)
    if out != schema:
        ignored.append(where)
    return out


def _cleaned(value: Any, depth: int) -> Any:
    if not isinstance(value, Mapping) or depth > MAX_DEPTH:
        return value  # vetted later, and refused if it is too deep
    return {
        keyword: _inside(keyword, item, depth + 1)
        for keyword, item in value.items()
        if keyword in KNOWN_KEYWORDS or keyword.startswith("x-")
    }


def _inside(keyword: str, item: Any, depth: int) -> Any:
    if keyword in _MAPS and isinstance(item, Mapping):
        return {
            name: _cleaned(one, depth) if isinstance(one, (Mapping, bool)) else {}
            for name, one in item.items()
        }
    if keyword in _LISTS and isinstance(item, list):
        return [_cleaned(one, depth) for one in item]
    if keyword in _SINGLES:
        return _cleaned(item, depth)
    return item
