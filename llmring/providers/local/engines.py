"""Whether this process can run models; apart from what runs them, for it is asked of every pool."""

from __future__ import annotations

import functools
import importlib.util

#: The packages of each engine that runs models in this process.
_ENGINES = (("llama_cpp",), ("torch", "transformers"))


@functools.cache  # each look takes 0.13 ms, and every call asks
def has_engine() -> bool:
    """Whether the packages of an engine that runs models in this process are installed."""
    return any(
        all(importlib.util.find_spec(package) is not None for package in packages)
        for packages in _ENGINES
    )
