"""Calls of the tiny model in this process."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from typing import Any

from llmring.providers.base import ProviderCall

HELLO = [{"role": "user", "content": "Hello!"}]
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city.",
    "parameters": {
        "type": "object",
        "properties": {"city": {"type": "string", "enum": ["Paris", "Rome"]}},
        "required": ["city"],
    },
}
#: Goes on to the end of the window: no token that ends an answer is allowed.
ENDLESS = {"logit_bias": {0: -100, 2: -100}, "temperature": 1.5, "top_p": 1}


def run(use: Coroutine[Any, Any, Any]) -> Any:
    return asyncio.run(asyncio.wait_for(use, 60))


def call(messages: Any = HELLO, timeout_s: float = 60, **fields: Any) -> ProviderCall:
    fields = {"model": "tiny", "temperature": 0.0, **fields}
    return ProviderCall(messages=messages, timeout_s=timeout_s, **fields)
