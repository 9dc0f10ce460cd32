"""What a `response_format` asks for."""

from __future__ import annotations

from typing import Any

import pytest

from cloud.llm.response_formats import wanted_schema
from LLM.exceptions import InvalidRequestError
from tests.cloud.asked import CODECS, body

SCHEMA = {"type": "object", "properties": {"a": {"type": "string"}}}


@pytest.mark.parametrize(
    ("response_format", "schema"),
    [
        (None, None),
        ({"type": "text"}, None),
        ({"type": "json_object"}, {}),
        ({"type": "json_object", "schema": SCHEMA}, SCHEMA),
        ({"type": "json_schema", "json_schema": {"name": "n", "schema": SCHEMA}}, SCHEMA),
        ({"type": "json_schema", "name": "n", "schema": SCHEMA}, SCHEMA),
    ],
    ids=["none", "text", "object", "llama.cpp", "chats", "responses"],
)
def test_a_schema_is_found_in_each_of_its_forms(response_format: Any, schema: Any) -> None:
    assert wanted_schema(response_format, "Somebody") == schema


@pytest.mark.parametrize(
    "response_format",
    [
        {"type": "grammar"},
        {"type": "json_schema"},
        {"type": "json_schema", "json_schema": {"schema": "s"}},
        {"type": "json_object", "schema": 5},
    ],
    ids=["grammar", "no schema", "text", "number"],
)
@pytest.mark.parametrize("provider", sorted(CODECS.keys() - {"openai"}))
def test_a_format_that_a_provider_lacks_is_named(provider: str, response_format: Any) -> None:
    with pytest.raises(InvalidRequestError, match=f"(?i)has no form at {provider}; give a pyd"):
        body(provider, response_format=response_format)


@pytest.mark.parametrize("provider", CODECS)
def test_a_format_needs_a_type(provider: str) -> None:
    with pytest.raises(InvalidRequestError, match="response_format has no 'type'"):
        body(provider, response_format={})
