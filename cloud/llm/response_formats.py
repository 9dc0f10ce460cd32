"""What a `response_format` asks for, read for the codecs that put it into other words. Pure.

Source: https://platform.openai.com/docs/guides/structured-outputs; a schema beside ``json_object``
as llama.cpp and Together take it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from LLM.exceptions import InvalidRequestError


def wanted_schema(
    response_format: Mapping[str, Any] | None, provider: str
) -> Mapping[str, Any] | None:
    """The JSON schema that the answer is to fit.

    :param response_format: as `ChatCall.response_format`.
    :param provider: its name, for the error.
    :return: an empty schema where any JSON object will do; None where any text will.
    :raises InvalidRequestError: it asks for another form.
    """
    if response_format is None:
        return None
    kind = response_format.get("type")
    if kind == "text":
        return None
    # The Responses API has the schema at the top.
    nested = response_format.get("json_schema")
    schema = (nested if isinstance(nested, Mapping) else response_format).get("schema")
    if kind == "json_object" and schema is None:
        return {}
    if kind in ("json_object", "json_schema") and isinstance(schema, Mapping):
        return schema
    raise InvalidRequestError(
        f"response_format of type {kind!r} has no form at {provider}; give a pydantic class, "
        "{'type': 'json_object'} or {'type': 'json_schema', 'json_schema': {'schema': {…}}}"
    )
