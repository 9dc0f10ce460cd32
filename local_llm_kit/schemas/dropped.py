"""Keywords that a rewritten schema lacks: some say nothing about the value, others are refused."""

from __future__ import annotations

import difflib
from typing import Any

from local_llm_kit.schemas.keywords import CHECKS

_DROPPED = frozenset(
    ("title", "description", "default", "example", "examples", "deprecated", "readOnly",
     "writeOnly", "$comment", "$schema", "discriminator", "externalDocs", "xml")
)  # fmt: skip
#: Keywords that change what a value may be and cannot be held.
_REFUSED = {
    "not": "say what is allowed",
    "if": "use anyOf",
    "then": "use anyOf",
    "else": "use anyOf",
    "uniqueItems": "leave it out, or take an object of booleans",
    "contains": "use prefixItems",
    "minContains": "use prefixItems",
    "maxContains": "use prefixItems",
    "propertyNames": "use patternProperties",
    "dependentRequired": "use anyOf",
    "dependentSchemas": "use anyOf",
    "dependencies": "use anyOf",
    "unevaluatedProperties": "use additionalProperties",
    "unevaluatedItems": "use items",
    "contentEncoding": "use a pattern",
    "contentMediaType": "leave it out",
    "contentSchema": "leave it out",
    "$dynamicRef": "use $ref",
    "$dynamicAnchor": "use $anchor",
    "$recursiveRef": "use $ref",
    "$recursiveAnchor": "use $anchor",
    "$vocabulary": "leave it out",
    "nullable": "use a list of types with 'null' in it",
}
#: Keywords that are held, for the hint at a typing error.
_HELD = {
    *("properties", "patternProperties", "additionalProperties", "items", "prefixItems"),
    *("anyOf", "allOf", "oneOf", "$defs", "definitions", "$ref", "format", *CHECKS),
}
#: Every keyword that JSON Schema knows, old or new, and what OpenAPI puts beside them.
KNOWN_KEYWORDS = frozenset((*_DROPPED, *_REFUSED, *_HELD, "$id", "id", "additionalItems"))


def check_dropped(keyword: str, value: Any, *, is_root: bool) -> None:
    """Let a keyword pass that says nothing about the value.

    :param is_root: whether it stands in the outermost schema.
    :raises ValueError: it cannot be held, or is not known.
    """
    if keyword in _DROPPED or keyword.startswith("x-"):
        return
    if (keyword in ("$id", "id") and is_root) or (keyword == "nullable" and value is False):
        return
    if keyword in _REFUSED:
        raise ValueError(f"{keyword!r} cannot be held; {_REFUSED[keyword]}")
    near = difflib.get_close_matches(keyword, _HELD | _DROPPED, 1)
    hint = f"did you mean {near[0]!r}?" if near else "leave it out, or begin it with 'x-'"
    raise ValueError(f"the keyword {keyword[:40]!r} is not known; {hint}")
