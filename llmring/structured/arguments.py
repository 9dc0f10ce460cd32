"""Whether the arguments that a model gives a tool fit the tool's schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

from pydantic_core import from_json, to_json

from cloud.llm.json_schemas.check import check_schema
from LLM.exceptions import InvalidRequestError
from llmring.structured.check import MisfitError, compiled

#: Schemas that are kept, compiled.
_N_SCHEMAS = 256

#: Gives what does not fit, as the model can be told; empty where all does.
ArgumentCheck = Callable[[Mapping[str, Any]], str]


def argument_check(parameters: Mapping[str, Any]) -> ArgumentCheck:
    """A function that checks arguments, in bounded time; threads may share it.

    :param parameters: the tool's schema.
    :raises InvalidRequestError: it is no schema, or one that cannot be checked here.
    """
    try:
        return _kept(to_json(parameters))
    except (ValueError, RecursionError) as err:
        if isinstance(err, InvalidRequestError):
            raise
        problem = str(err)[:200]
    raise InvalidRequestError(f"the JSON schema cannot be written as JSON: {problem}")


@lru_cache(maxsize=_N_SCHEMAS)
def _kept(text: bytes) -> ArgumentCheck:
    schema = from_json(text)
    check_schema(schema)
    check = compiled(schema)

    def problem(arguments: Mapping[str, Any]) -> str:
        try:
            check(arguments)
        except MisfitError as err:
            return str(err)
        return ""

    return problem
