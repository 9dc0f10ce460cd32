"""What a provider of a ring sends for a call, in the form that its own address gets it."""

from __future__ import annotations

from typing import Any

from llmring.providers.base import ProviderCall
from llmring.providers.remote import RemoteProvider
from llmring.registry import Registry
from tests.cloud import asked
from tests.cloud.official_types import JUDGES

_FACTS = Registry()
USER = {"role": "user", "content": "Hello!"}
#: What `tests.cloud` calls each provider.
_CODECS = {"google": "gemini"}


def call_of(model: str, *, known: bool = True, **fields: Any) -> ProviderCall:
    """A call of ``provider:model``.

    :param known: whether the registry's facts go with it.
    """
    facts = _FACTS.model(model) if known else None
    fields = {"messages": [USER], "timeout_s": 5.0, "facts": facts, **fields}
    return ProviderCall(model=model.partition(":")[2], **fields)


def body_of(provider: RemoteProvider, call: ProviderCall, *, official: bool = True) -> Any:
    """The JSON that is sent, without the model; it is of the SDK's type unless `official` is false.

    :param provider: one of the built-in ones.
    """
    codec = _CODECS.get(provider.name, provider.name)
    messages, arguments = provider.messages(call), provider.arguments(call)
    found = [asked.body(codec, messages, stream=stream, **arguments) for stream in (False, True)]
    for body in found if official else ():
        JUDGES[codec]()(body)
    found[0].pop("model", None)
    return found[0]
