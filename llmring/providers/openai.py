"""OpenAI, and every address that speaks its language."""

from __future__ import annotations

from typing import Any

from cloud.llm.openai_compat.async_client import AsyncOpenAICompatClient
from llmring.providers.remote import RemoteProvider
from llmring.providers.sdks import sdk


class CompatibleProvider(RemoteProvider):
    """An address that speaks OpenAI's language.

    :param settings: those of `AsyncOpenAICompatClient`.
    """

    def __init__(self, name: str, **settings: Any) -> None:
        super().__init__(name, AsyncOpenAICompatClient(max_retries=0, **settings))

    def _make_sdk_client(self) -> Any:
        return sdk("openai").AsyncOpenAI(
            # The SDK wants a key even where the server wants none.
            api_key=self.api_key or "none",
            base_url=self.chat_client.codec.api_root,
        )


class OpenAIProvider(CompatibleProvider):
    """OpenAI itself.

    :param settings: those of `AsyncOpenAICompatClient`; the environment fills in key and address.
    """

    def __init__(self, name: str = "openai", **settings: Any) -> None:
        client = AsyncOpenAICompatClient.from_env(max_retries=0, **settings)
        RemoteProvider.__init__(self, name, client)
