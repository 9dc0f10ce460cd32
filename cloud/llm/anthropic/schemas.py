"""JSON schemas as Anthropic's constrained decoding takes them. Pure.

It refuses bounds on numbers and lengths, most formats of strings, and objects that are open.

Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from LLM.schemas import Subset, fitted_schema

_NOT_HELD = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties"}
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
#: What the API holds answers and arguments to.
ANTHROPIC = Subset(_NOT_HELD, _FORMATS, min_items=frozenset({0, 1}), is_closed=True)
#: The same with all fields required, as few optional ones are allowed in all schemas of a call.
ANTHROPIC_CLASS = replace(ANTHROPIC, wants_all=True)


def held_schema(schema: Any, name: str) -> Any:
    """A copy of a schema that the API holds answers to.

    An object that does not say whether it is open is closed; one that says that it is stays so,
    and is refused by the API.

    :param name: the argument that it came in, for the error.
    :raises InvalidRequestError: it is nested too deep.
    """
    return fitted_schema(schema, ANTHROPIC, name)
