"""OpenAI, and every address that speaks its language."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any, ClassVar

from cloud.llm.openai_compat.async_client import AsyncOpenAICompatClient
from llmring.exceptions import ValidationError
from llmring.files.forms import COMPATIBLE, OPENAI, FileForms
from llmring.messages import openai_messages, unmarked_tools
from llmring.providers.base import ProviderCall
from llmring.providers.openai.models import fitting_effort, is_reasoning_model
from llmring.providers.remote import RemoteProvider
from llmring.providers.sdks import sdk

_logger = logging.getLogger("llmring")


class CompatibleProvider(RemoteProvider):
    """An address that speaks OpenAI's language.

    :param settings: those of `AsyncOpenAICompatClient`.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(name, AsyncOpenAICompatClient(max_retries=0, **settings))

    def _make_sdk_client(self) -> Any:
        # What the environment says of the account at OpenAI is for OpenAI's address alone.
        names = {"OpenAI-Organization", "OpenAI-Project", *_headers_of_environment()}
        further: dict[str, Any] = dict.fromkeys(names, sdk("openai").Omit())
        if authorization := next((name for name in names if name.lower() == "authorization"), None):
            del further[authorization]
            further["Authorization"] = f"Bearer {self.api_key or 'none'}"
        return _sdk_client(self, further)

    def file_forms(self, call: ProviderCall) -> FileForms:
        """How the model of a call takes files; see `BaseLLMProvider.file_forms`."""
        return COMPATIBLE

    def messages(self, call: ProviderCall) -> list[dict[str, Any]]:
        """The messages; content parts keep their cache markers, which some servers know."""
        return openai_messages(call.messages, marked_parts=True)

    def arguments(self, call: ProviderCall) -> dict[str, Any]:
        """See `RemoteProvider.arguments`.

        :raises ValidationError: `reasoning_tokens` is given, for which there is no common word.
        """
        if call.reasoning_tokens is not None:
            raise ValidationError(
                f"reasoning_tokens has no form at {self.name!r}, an address that speaks OpenAI's "
                "language; leave it out, and give what the server knows in extra_params, such as "
                "{'reasoning_effort': 'low'}"
            )
        return super().arguments(call)


class OpenAIProvider(RemoteProvider):
    """OpenAI itself.

    :param settings: those of `AsyncOpenAICompatClient`; the environment fills in key and address.
    """

    cache_fields: ClassVar = frozenset(
        {"prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
    )

    def __init__(self, name: str = "openai", **settings: Any) -> None:
        super().__init__(name, AsyncOpenAICompatClient.from_env(max_retries=0, **settings))

    def _make_sdk_client(self) -> Any:
        return _sdk_client(self)

    def file_forms(self, call: ProviderCall) -> FileForms:
        """How the model of a call takes files; see `BaseLLMProvider.file_forms`."""
        return OPENAI

    def tools(self, call: ProviderCall) -> list[dict[str, Any]] | None:
        """The tools, without the cache markers of another provider."""
        return unmarked_tools(call.tools)

    def arguments(self, call: ProviderCall) -> dict[str, Any]:
        """See `RemoteProvider.arguments`; what reasoning models refuse is put in their words.

        They count thoughts and answer by one limit, so `reasoning_tokens` is added to `max_tokens`;
        without that, the effort that fits it is asked for. Other models think no tokens at all,
        which keeps every such limit.

        :raises ValidationError: the model has no form for what is asked.
        """
        asked = super().arguments(call)
        if call.temperature is not None and not _takes_temperature(call):
            _logger.debug("%s takes no temperature; it is left out", call.model)
            asked["temperature"] = call.extra.get("temperature")
        if _reasons(call):
            # What the caller says in OpenAI's own words counts.
            asked.update(_reasoning_fields(call) | call.extra)
        return asked


def _headers_of_environment() -> list[str]:
    """The names of the headers that the SDK takes from the environment."""
    lines = os.environ.get("OPENAI_CUSTOM_HEADERS", "").split("\n")
    return [line.partition(":")[0].strip() for line in lines if ":" in line]


def _sdk_client(provider: RemoteProvider, further: Mapping[str, Any] | None = None) -> Any:
    """OpenAI's client.

    :param further: headers that those of the settings come before.
    """
    return sdk("openai").AsyncOpenAI(
        # The SDK wants a key even where the server wants none, and would take OpenAI's.
        api_key=provider.api_key or "none",
        base_url=provider.chat_client.codec.api_root,
        default_headers={**(further or {}), **provider.headers},
    )


def _reasons(call: ProviderCall) -> bool:
    known = call.facts.is_reasoning_model if call.facts else None
    return is_reasoning_model(call.model) if known is None else known


def _takes_temperature(call: ProviderCall) -> bool:
    known = call.facts.supports_temperature if call.facts else None
    return not _reasons(call) if known is None else known


def _reasoning_fields(call: ProviderCall) -> dict[str, Any]:
    """The limits of a reasoning model."""
    fields: dict[str, Any] = {}
    if call.max_tokens is not None and "max_completion_tokens" not in call.extra:
        fields["max_tokens"] = None
        fields["max_completion_tokens"] = call.max_tokens + (call.reasoning_tokens or 0)
    has_effort = "reasoning_effort" in call.extra
    if call.reasoning_tokens is None or has_effort:
        return fields
    if call.reasoning_tokens == 0 or call.max_tokens is None:
        effort = fitting_effort(call.model, call.reasoning_tokens)
        if effort is None and call.reasoning_tokens:
            raise ValidationError(
                f"reasoning_tokens is {call.reasoning_tokens}, which {call.model} counts together "
                "with the answer; give max_tokens as well"
            )
        fields["reasoning_effort"] = effort
    return fields
