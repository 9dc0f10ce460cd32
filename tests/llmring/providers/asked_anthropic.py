"""What the ring sends to Anthropic, in the form that the SDK has a type for."""

from __future__ import annotations

import json
from typing import Any

from cloud.llm.anthropic.codec import AnthropicCodec
from cloud.llm.calls import chat_call
from cloud.llm.config import ClientConfig
from llmring import Message
from llmring.providers.anthropic.provider import AnthropicProvider
from llmring.providers.base import ProviderCall
from tests.cloud.anthropic import wire as claude
from tests.cloud.official_types import JUDGES
from tests.llmring.rings import KEY, answer_to, request, sent
from tests.remote import wire
from tests.remote.scripted_server import ScriptedServer

HELLO = wire.answer(claude.message(claude.text("Hello!")))
#: Fields that models until 4.6 take, and the SDK has no more.
_OLDER = ("temperature", "top_k")


_NAMED = ("temperature", "max_tokens", "tools", "tool_choice", "response_format")
_CODEC = AnthropicCodec(ClientConfig(model="claude", base_url="https://api.anthropic.com"))


def body(model: str, *messages: Message, **fields: Any) -> dict[str, Any]:
    """The body of a ring's request to a model of Anthropic's."""
    with ScriptedServer((HELLO,)) as server:
        answer_to(server, request(f"anthropic:{model}", *messages, **fields))
        asked: dict[str, Any] = sent(server)
    _judge(asked)
    return asked


def body_of(call: ProviderCall) -> dict[str, Any]:
    """The body of the provider's request for a call, but for the model and the messages."""
    provider = AnthropicProvider(api_key=KEY)
    arguments = provider.arguments(call)
    fields = {name: arguments.pop(name) for name in _NAMED}
    asked = chat_call(call.model, provider.messages(call), stream=False, system=None,
                      extra=arguments, **fields)  # fmt: skip
    found: dict[str, Any] = json.loads(_CODEC.request(asked).body)
    _judge(found)
    del found["model"], found["messages"]
    return found


def _judge(asked: dict[str, Any]) -> None:
    JUDGES["anthropic"]()({name: asked[name] for name in asked if name not in _OLDER})
