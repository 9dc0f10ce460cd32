"""What a call sends to each provider."""

from __future__ import annotations

import json
from typing import Any

from cloud.llm.anthropic.codec import AnthropicCodec
from cloud.llm.calls import chat_call
from cloud.llm.codec import Codec
from cloud.llm.config import ClientConfig
from cloud.llm.gemini.codec import GeminiCodec
from cloud.llm.ollama.codec import OllamaCodec
from cloud.llm.openai_compat.codec import OpenAICodec

USER = {"role": "user", "content": "Hello!"}
CODECS: dict[str, tuple[type[Codec], str, str]] = {
    "openai": (OpenAICodec, "https://api.openai.com/v1", "gpt-5.9"),
    "anthropic": (AnthropicCodec, "https://api.anthropic.com", "claude-sonnet-5"),
    "gemini": (GeminiCodec, "https://generativelanguage.googleapis.com", "gemini-3.8-flash"),
    "ollama": (OllamaCodec, "http://127.0.0.1:11434", "llama3.2"),
}
_NAMED = ("system", "temperature", "max_tokens", "tools", "tool_choice", "response_format")


def body(provider: str, messages: Any = (USER,), *, stream: bool = False, **call: Any) -> Any:
    """The JSON that a call of `chat` with these arguments sends."""
    codec_class, base_url, model = CODECS[provider]
    fields = {name: call.pop(name, None) for name in _NAMED}
    asked = chat_call(model, list(messages), stream=stream, extra=call, **fields)
    codec = codec_class(ClientConfig(model=model, base_url=base_url))
    return json.loads(codec.request(asked).body)
