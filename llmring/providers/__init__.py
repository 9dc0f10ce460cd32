"""The ring's providers: `cloud.llm`'s clients and `local_llm_kit`, behind one face."""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from llmring.providers.base import BaseLLMProvider, EventStream, ProviderCall

# Which module each public name lives in.
_HOMES = {"llmring.providers.base": "BaseLLMProvider EventStream ProviderCall"}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = ["BaseLLMProvider", "EventStream", "ProviderCall"]
