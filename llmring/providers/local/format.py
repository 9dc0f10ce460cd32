"""JSON schemas for `local_llm_kit`, whose constrained decoding refuses what it cannot hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

from cloud.llm.json_schema import JSONSchema
from cloud.llm.json_schemas.strict import NOT_HELD
from LLM.exceptions import InvalidRequestError
from LLM.schemas import Subset, fitted_schema

#: What is held of schemas that are not held as they are; the model is told the rest.
_FITTED = Subset(
    not_held=(NOT_HELD - {"patternProperties"}) | {"minProperties", "uniqueItems"},
    formats=frozenset(
        {"date", "date-time", "duration", "email", "hostname", "ipv4", "ipv6", "time", "uri"}
        | {"uuid"}
    ),
)
#: The same of a tool's arguments, whose schema may be a stranger's; patterns may look around.
_FITTED_ARGUMENTS = replace(_FITTED, not_held=_FITTED.not_held | {"pattern"})
_N_SCHEMAS = 128


def local_format(wanted: Any) -> Any:
    """A response format as `local_llm_kit` takes it.

    :param wanted: a `JSONSchema`, or what the caller has given for local models.
    :raises InvalidRequestError: the schema cannot be held, not even without what may be left out.
    """
    return _held(wanted) if isinstance(wanted, JSONSchema) else wanted


def local_tools(tools: list[Any] | None) -> list[Any] | None:
    """Tools as `local_llm_kit` takes them.

    What cannot be held of the arguments' schema is told to the model in words: one odd schema, such
    as a server's, does not keep it from calling any tool.

    :param tools: nested, as OpenAI has them.
    """
    return None if tools is None else [_local_tool(tool) for tool in tools]


def _local_tool(tool: Any) -> Any:
    function = tool.get("function") if isinstance(tool, Mapping) else None
    parameters = function.get("parameters") if isinstance(function, Mapping) else None
    if not isinstance(function, Mapping) or not isinstance(parameters, Mapping):
        return tool
    try:
        fitted = _held_arguments(to_json(parameters))
    except (ValueError, RecursionError):
        return tool  # local_llm_kit says what is wrong
    return tool if fitted is None else {**tool, "function": {**function, "parameters": fitted}}


@lru_cache(maxsize=_N_SCHEMAS)
def _held_arguments(text: bytes) -> Any:
    """The schema that stands in for a schema; None for one that is held as it is.

    :raises InvalidRequestError: nothing can stand in for it.
    """
    from local_llm_kit.schemas import vet_schema

    schema = from_json(text)
    try:
        vet_schema(schema, "tools")
    except InvalidRequestError:
        fitted = fitted_schema(schema, _FITTED_ARGUMENTS, "tools")
        vet_schema(fitted, "tools")
        return fitted
    return None


@lru_cache(maxsize=_N_SCHEMAS)
def _held(asked: JSONSchema) -> dict[str, Any]:
    from local_llm_kit.schemas import vet_schema

    given = asked.to_openai()
    try:
        vet_schema(asked.schema, "response_format")
        return given
    except InvalidRequestError as err:
        fitted = fitted_schema(asked.plain, _FITTED, "response_format")
        try:
            vet_schema(fitted, "response_format")
        except InvalidRequestError:
            raise err from None  # which tells of the caller's own words
    return {**given, "json_schema": {**given["json_schema"], "schema": fitted}}
