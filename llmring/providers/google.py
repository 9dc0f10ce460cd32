"""Google Gemini."""

from __future__ import annotations

from typing import Any

from cloud.llm.gemini.async_client import AsyncGeminiClient
from llmring.providers.remote import RemoteProvider
from llmring.providers.sdks import sdk


class GoogleProvider(RemoteProvider):
    """Google Gemini.

    :param settings: those of `AsyncGeminiClient`; the environment fills in key and address.
    """

    def __init__(self, name: str = "google", **settings: Any) -> None:
        super().__init__(name, AsyncGeminiClient.from_env(max_retries=0, **settings))

    def _make_sdk_client(self) -> Any:
        genai = sdk("google.genai", "google")
        options = {"base_url": self.chat_client.config.base_url}
        return genai.Client(api_key=self.api_key, http_options=options)
