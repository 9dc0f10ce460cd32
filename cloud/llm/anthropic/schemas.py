"""JSON schemas as Anthropic's constrained decoding takes them. Pure.

It refuses bounds on numbers and lengths, most formats of strings, and objects that are open.

Source: https://platform.claude.com/docs/en/build-with-claude/structured-outputs
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from cloud.llm.calls import json_text
from cloud.llm.codec import ChatCall
from cloud.llm.json_schema import N_SCHEMAS, JSONSchema
from cloud.llm.json_schemas.strict import all_parts, leaves_open
from cloud.llm.response_formats import wanted_schema
from LLM.schemas import Subset, fitted_schema, is_open, refers_to_itself, rooted

# There is no JSON mode without a schema; OpenAI's own wants the prompt to ask for JSON, too.
_ASKS_FOR_JSON = "Answer with one JSON object and nothing else: no other text, no code fence."
_ASKS_TO_FIT = (
    "Answer with JSON that fits the JSON schema below and nothing else: no other text, no code "
    "fence.\n\n"
)
_NOT_HELD = frozenset(
    {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf"}
    | {"minLength", "maxLength", "maxItems", "uniqueItems", "minProperties", "maxProperties"}
)
_FORMATS = frozenset(
    {"date-time", "time", "date", "duration", "email", "hostname", "uri", "ipv4", "ipv6", "uuid"}
)
#: What the API holds answers and arguments to.
ANTHROPIC = Subset(_NOT_HELD, _FORMATS, min_items=frozenset({0, 1}), is_closed=True)
#: Most optional properties, and most that may be of several types, in all schemas of a call.
_MAX_OPTIONAL, _MAX_UNIONS = 24, 16
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


def wanted_answer(call: ChatCall) -> tuple[Any, str]:
    """The schema that the API is to hold the answer to, and what the prompt says of its form.

    What a pydantic class leaves open (a dict of any keys, a field of any type, a tuple), and one
    that refers to itself, cannot be held: the prompt asks for it, and the class checks the answer.

    :return: None for no schema, an empty text for nothing to say.
    :raises InvalidRequestError: it asks for a form that Anthropic does not have.
    """
    schema = wanted_schema(call.response_format, "Anthropic")
    if schema is None:
        return None, ""
    if not schema:
        return None, _ASKS_FOR_JSON
    if call.json_schema is not None:
        return _fitted(call.json_schema)
    if call.class_schema is None:
        return held_schema(schema, "response_format"), ""
    held = fitted_schema(rooted(call.class_schema), ANTHROPIC_CLASS, "response_format")
    if is_open(held) or refers_to_itself(held):
        return None, _ASKS_TO_FIT + json_text(call.class_schema, "response_format")
    return held, ""


@lru_cache(maxsize=N_SCHEMAS)
def _fitted(asked: JSONSchema) -> tuple[Any, str]:
    """As `wanted_answer`, of a schema that is to be fitted."""
    held = fitted_schema(asked.plain, ANTHROPIC, "response_format")
    is_open_somewhere = leaves_open(asked.plain) or is_open(held) or refers_to_itself(held)
    if is_open_somewhere or not _is_within_limits(held):
        return None, _ASKS_TO_FIT + json_text(asked.schema, "response_format")
    return held, ""


def _is_within_limits(schema: Mapping[str, Any]) -> bool:
    n_optional = n_unions = 0
    for one in all_parts(schema):
        n_optional += len(one.get("properties", {}).keys() - set(one.get("required", ())))
        n_unions += "anyOf" in one or isinstance(one.get("type"), list)
    return n_optional <= _MAX_OPTIONAL and n_unions <= _MAX_UNIONS
