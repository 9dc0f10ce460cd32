"""What a call of `chat` sends to Anthropic."""

from __future__ import annotations

import json
from typing import Any

from cloud.llm.anthropic.codec import AnthropicCodec
from cloud.llm.calls import chat_call
from cloud.llm.config import ClientConfig
from LLM.codec import Source

USER = {"role": "user", "content": "Hello!"}
MARK = {"type": "ephemeral"}
KEY = "sk-ant-test-1234"
SOURCE = Source("api.anthropic.com", "asked-model", (KEY,))

_UNSET: dict[str, Any] = dict.fromkeys(
    ("system", "temperature", "max_tokens", "tools", "tool_choice", "response_format")
)


def codec(base_url: str = "https://api.anthropic.com", **settings: Any) -> AnthropicCodec:
    return AnthropicCodec(ClientConfig(model="m", base_url=base_url, **settings))


def body(messages: Any = (USER,), *, stream: bool = False, **call: Any) -> dict[str, Any]:
    """The JSON that is sent."""
    fields = {name: call.pop(name, None) for name in _UNSET}
    asked = chat_call("claude", list(messages), stream=stream, extra=call, **fields)
    request = codec().request(asked)
    assert request.path == "/messages"
    return json.loads(request.body)


def turns(*messages: Any) -> Any:
    """The turns that some messages become."""
    return body(messages)["messages"]


def blocks(content: Any) -> Any:
    """The blocks that a user's content becomes, with a marker that keeps them blocks."""
    message = {"role": "user", "content": content, "cache_control": MARK}
    (turn,) = turns(message)
    last = turn["content"][-1]
    assert last.pop("cache_control") == MARK
    return turn["content"]
