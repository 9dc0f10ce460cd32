"""Noting calls that are made without a ring, by any SDK, in the usage log.

::

    @log_llm_call(origin="my-app")
    async def ask(messages):
        return await client.chat.completions.create(model="gpt-6-luna", messages=messages)

A name's module is loaded when the name is first used.
"""

from __future__ import annotations

import typing

from LLM.lazy import lazy_names as _lazy_names

if typing.TYPE_CHECKING:
    from llmring.logging.decorators import log_llm_call, log_llm_stream

# Which module each public name lives in.
_HOMES = {"llmring.logging.decorators": "log_llm_call log_llm_stream"}
__getattr__, __dir__ = _lazy_names(globals(), _HOMES)

__all__ = ["log_llm_call", "log_llm_stream"]
