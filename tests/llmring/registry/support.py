"""Registry files, and a clock that only tests move."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

from llmring.registry.schemas import RegistryModel

PRICE = "dollars_per_million_tokens_"
DAY_S = 86_400.0
#: Noon of 2026-11-21, UTC.
NOON = 1_795_262_400.0


@dataclass
class Clock:
    """Wall and monotonic clock in one."""

    now: float = NOON
    read: int = field(default=0, repr=False)

    def __call__(self) -> float:
        self.read += 1
        return self.now


def entry(name: str, **prices: Any) -> dict[str, Any]:
    """A model of a registry's file; prices by their short names."""
    named = {
        f"{PRICE}{key}": value for key, value in {"input": 1.0, "output": 2.0, **prices}.items()
    }
    return {"model_name": name, **named}


def registry_file(*entries: dict[str, Any], provider: str = "openai", **fields: Any) -> bytes:
    """A registry's file."""
    models = {f"{provider}:{one['model_name']}": one for one in entries}
    return json.dumps({"provider": provider, "models": models, **fields}).encode()


def model(**fields: Any) -> RegistryModel:
    """A model whose prices are given by their short names, beside its other fields."""
    named = {
        name if name in RegistryModel.model_fields else f"{PRICE}{name}": value
        for name, value in fields.items()
    }
    return RegistryModel.model_validate({"provider": "openai", "model_name": "m", **named})
