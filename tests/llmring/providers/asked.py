"""What a provider of a ring sends for a call, in the form that its own address gets it."""

from __future__ import annotations

import json
from typing import Any

from cloud.llm.calls import chat_call
from cloud.llm.config import ClientConfig
from llmring.providers.base import ProviderCall
from llmring.providers.remote import RemoteProvider
from llmring.registry import Registry
from tests.cloud.asked import CODECS
from tests.cloud.official_types import JUDGES

_FACTS = Registry()
USER = {"role": "user", "content": "Hello!"}
_NAMED = ("system", "temperature", "max_tokens", "tools", "tool_choice", "response_format")
#: What `tests.cloud` calls each provider.
_CODECS = {"google": "gemini"}


def call_of(model: str, *, known: bool = True, **fields: Any) -> ProviderCall:
    """A call of ``provider:model``.

    :param known: whether the registry's facts go with it.
    """
    facts = _FACTS.model(model) if known else None
    fields = {"messages": [USER], "timeout_s": 5.0, "facts": facts, **fields}
    return ProviderCall(model=model.partition(":")[2], **fields)


def body_of(provider: RemoteProvider, call: ProviderCall) -> Any:
    """The JSON that is sent to the provider's own address, without the model.

    It is of the type that the SDK has for it, plain and streamed.

    :param provider: one of the built-in ones.
    """
    codec = _CODECS.get(provider.name, provider.name)
    bodies = [_body(codec, provider, call, stream) for stream in (False, True)]
    for body in bodies:
        JUDGES[codec]()(body)
    bodies[0].pop("model", None)
    return bodies[0]


def _body(name: str, provider: RemoteProvider, call: ProviderCall, stream: bool) -> Any:
    codec_class, base_url, _ = CODECS[name]
    arguments = {"system": None, **provider.arguments(call)}
    fields = {field: arguments.pop(field) for field in _NAMED}
    messages = provider.messages(call)
    asked = chat_call(call.model, messages, stream=stream, extra=arguments, **fields)
    codec = codec_class(ClientConfig(model=call.model, base_url=base_url))
    return json.loads(codec.request(asked).body)
