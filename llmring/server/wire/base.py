"""What all bodies and answers share, and the paths."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict

#: Where the routes begin.
API = "/api/v1"
HEALTH = "/health"
REGISTRY = "/registry"


class Wire(BaseModel):
    """Fields that are not known are refused, so that a misspelt one does not vanish."""

    model_config = ConfigDict(extra="forbid", protected_namespaces=(), defer_build=True)
