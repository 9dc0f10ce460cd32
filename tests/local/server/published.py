"""OpenAI's published schemas, read from a file that is not in the repository.

Source: the document ``openapi.json`` or ``.yaml`` (as JSON) of https://github.com/openai/openai-openapi.
"""

from __future__ import annotations

import json
import os
from functools import lru_cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

VARIABLE = "OPENAI_OPENAPI_JSON"
_NAME = "urn:openai"


def require_document() -> None:
    """Skip a test where the document is not given."""
    if not os.environ.get(VARIABLE):
        pytest.skip(f"set {VARIABLE} to the path of OpenAI's OpenAPI document as JSON")


def check(name: str, value: Any) -> None:
    """Fail unless `value` is what the schema `name` describes."""
    error = jsonschema.exceptions.best_match(_validator(name).iter_errors(value))
    assert error is None, f"{name}: {error.json_path}: {error.message}"


@lru_cache
def _validator(name: str) -> jsonschema.Draft202012Validator:
    reference = {"$ref": f"{_NAME}#/components/schemas/{name}"}
    return jsonschema.Draft202012Validator(reference, registry=_registry())


@lru_cache
def _registry() -> Registry[Any]:
    document = _with_nulls(json.loads(Path(os.environ[VARIABLE]).read_text()))
    return Registry().with_resource(_NAME, Resource(document, DRAFT202012))


def _with_nulls(value: Any) -> Any:
    """The document with `nullable` of OpenAPI 3.0, which is left in it, as JSON Schema says it."""
    if isinstance(value, list):
        return [_with_nulls(one) for one in value]
    if not isinstance(value, dict):
        return value
    schema = {key: _with_nulls(one) for key, one in value.items() if key != "nullable"}
    return {"anyOf": [schema, {"type": "null"}]} if value.get("nullable") is True else schema
