"""The whole document.

Source: https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from LLM._version import __version__
from local_llm_kit.server.openapi import anthropic, ollama, openai, own, responses
from local_llm_kit.server.openapi.operation import ERRORS, Operation, describe

_APIS: Mapping[str, Mapping[tuple[str, str], Operation]] = {
    "OpenAI": openai.OPERATIONS,
    "Responses": responses.OPERATIONS,
    "Anthropic": anthropic.OPERATIONS,
    "Ollama": ollama.OPERATIONS,
    "Server": own.OPERATIONS,
}
_ABOUT = (
    "Models of this machine by the APIs of OpenAI, Anthropic and Ollama. A field that cannot be "
    "honoured is refused by name; null is the same as leaving a field out."
)


@cache
def document() -> dict[str, Any]:
    """The document; not to be changed."""
    paths: dict[str, dict[str, Any]] = {}
    for tag, operations in _APIS.items():
        for (method, path), operation in operations.items():
            paths.setdefault(path, {})[method.lower()] = describe(path, operation, tag)
    schemas = [ERRORS, openai.SCHEMAS, responses.SCHEMAS, anthropic.SCHEMAS, ollama.SCHEMAS]
    return {
        "openapi": "3.1.0",
        "info": {"title": "local-llm-kit", "version": __version__, "description": _ABOUT},
        "paths": paths,
        "components": {
            "schemas": {name: one for some in schemas for name, one in some.items()},
            "securitySchemes": {
                "bearer": {"type": "http", "scheme": "bearer"},
                "x-api-key": {"type": "apiKey", "in": "header", "name": "x-api-key"},
            },
        },
        # The empty one is for a server without a key.
        "security": [{"bearer": []}, {"x-api-key": []}, {}],
        "tags": [{"name": tag} for tag in _APIS],
    }
