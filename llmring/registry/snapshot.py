"""The bundled registry: one file for each provider, read when it is first asked for.

`scripts/make-registry-snapshot` makes the files, from the price list of genai-prices (MIT,
Copyright Pydantic Services Inc.); its licence lies beside them.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

from llmring.registry.catalog import Catalog
from llmring.registry.reading import read_catalog

_DATA = Path(__file__).parent / "data"
#: Providers that have a bundled file.
BUNDLED = ("anthropic", "google", "ollama", "openai")


@cache
def bundled(provider: str) -> Catalog | None:
    """The bundled catalog of `provider`; None when there is none."""
    if provider not in BUNDLED:
        return None
    file = _DATA / f"{provider}.json"
    return read_catalog(file.read_bytes(), provider, f"bundled for {provider!r}")


def bundled_bytes(provider: str) -> bytes | None:
    """The bundled file of `provider`, as a registry has it; None when there is none."""
    return (_DATA / f"{provider}.json").read_bytes() if provider in BUNDLED else None
