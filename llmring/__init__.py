"""One service over all language models: aliases, a lockfile, fallback, cost.

It is being built: here are its words (schemas), its errors, its lockfile and its registry of
models. A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

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
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = [
    "LLMRequest",
    "LLMResponse",
    "LLMRingError",
    "Message",
    "StreamChunk",
    "__version__",
]
