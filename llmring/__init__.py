"""One service over all language models: aliases, a lockfile, fallback, cost.

It is being built: here are its words (schemas), its errors, its lockfile and its registry of
models. A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import importlib
import typing

if typing.TYPE_CHECKING:
    from LLM._version import __version__
    from llmring.exceptions import LLMRingError
    from llmring.schemas import LLMRequest, LLMResponse, Message, StreamChunk

# Which module each public name lives in.
_HOMES = {
    "LLM._version": "__version__",
    "llmring.exceptions": "LLMRingError",
    "llmring.schemas": "LLMRequest LLMResponse Message StreamChunk",
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}


def __getattr__(name: str) -> typing.Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value = getattr(importlib.import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})


__all__ = [
    "LLMRequest",
    "LLMResponse",
    "LLMRingError",
    "Message",
    "StreamChunk",
    "__version__",
]
