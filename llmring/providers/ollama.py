"""An Ollama server."""

from __future__ import annotations

from typing import Any

from cloud.llm.ollama.async_client import AsyncOllamaClient
from llmring.providers.remote import RemoteProvider
from llmring.providers.sdks import sdk


class OllamaProvider(RemoteProvider):
    """An Ollama server.

    :param settings: those of `AsyncOllamaClient`; the environment fills in the address.
    """

    def __init__(self, name: str = "ollama", **settings: Any) -> None:
        super().__init__(name, AsyncOllamaClient.from_env(max_retries=0, **settings))

    def _make_sdk_client(self) -> Any:
        return sdk("ollama").AsyncClient(host=self.chat_client.config.base_url)
