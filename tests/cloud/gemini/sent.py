"""What a call sends to Gemini."""

from __future__ import annotations

import json
from typing import Any

from cloud.llm import ClientConfig
from cloud.llm.calls import chat_call
from cloud.llm.codec import WireRequest
from cloud.llm.gemini.codec import GeminiCodec

GOOGLE = "https://generativelanguage.googleapis.com"
MODEL = "gemini-3.8-flash"
USER = {"role": "user", "content": "Hello!"}
_NAMED = ("system", "temperature", "max_tokens", "tools", "tool_choice", "response_format")


def codec(base_url: str = GOOGLE, **settings: Any) -> GeminiCodec:
    return GeminiCodec(ClientConfig(model=MODEL, base_url=base_url, **settings))


def request(
    messages: Any = (USER,), model: Any = MODEL, *, stream: bool = False, **call: Any
) -> WireRequest:
    fields = {name: call.pop(name, None) for name in _NAMED}
    asked = chat_call(model, list(messages), stream=stream, extra=call, **fields)
    return codec().request(asked)


def body(messages: Any = (USER,), model: str = MODEL, **call: Any) -> dict[str, Any]:
    """The JSON that a call sends."""
    fields: dict[str, Any] = json.loads(request(messages, model, **call).body)
    return fields


def contents(*messages: Any, model: str = MODEL) -> Any:
    return body(messages, model)["contents"]


def parts(content: Any) -> Any:
    """The parts of a user's turn."""
    return contents({"role": "user", "content": content})[0]["parts"]
