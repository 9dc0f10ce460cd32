"""Anthropic."""

from __future__ import annotations

from typing import Any

from cloud.llm.anthropic.async_client import AsyncAnthropicClient
from llmring.messages import anthropic_messages
from llmring.providers.base import ProviderCall
from llmring.providers.remote import RemoteProvider
from llmring.providers.sdks import sdk


class AnthropicProvider(RemoteProvider):
    """Anthropic.

    :param settings: those of `AsyncAnthropicClient`; the environment fills in key and address.
    """

    def __init__(self, name: str = "anthropic", **settings: Any) -> None:
        super().__init__(name, AsyncAnthropicClient.from_env(max_retries=0, **settings))

    def messages(self, call: ProviderCall) -> list[dict[str, Any]]:
        """The messages with their cache markers; see `RemoteProvider.messages`."""
        return anthropic_messages(call.messages)

    def _make_sdk_client(self) -> Any:
        return sdk("anthropic").AsyncAnthropic(
            api_key=self.api_key, base_url=self.chat_client.config.base_url
        )
