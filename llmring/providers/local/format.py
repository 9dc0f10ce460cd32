"""JSON schemas for `local_llm_kit`, whose constrained decoding refuses what it cannot hold."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

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
_N_SCHEMAS = 128


def local_format(wanted: Any) -> Any:
    """A response format as `local_llm_kit` takes it.

    :param wanted: a `JSONSchema`, or what the caller has given for local models.
    :raises InvalidRequestError: the schema cannot be held, not even without what may be left out.
    """
    return _held(wanted) if isinstance(wanted, JSONSchema) else wanted


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
