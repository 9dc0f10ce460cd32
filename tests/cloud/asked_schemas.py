"""Schemas that tests ask answers for."""

from __future__ import annotations

from typing import Any

WHOLE = {"type": "integer"}
PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": WHOLE, "email": {"type": "string"}},
    "required": ["name", "age"],
}
USER = {"role": "user", "content": "Hello!"}


def thing(properties: Any, *required: str, **more: Any) -> dict[str, Any]:
    return {"type": "object", "properties": properties, "required": list(required), **more}
