"""Google Gemini."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from cloud.llm.gemini.async_client import AsyncGeminiClient
from cloud.llm.gemini.thinking import budget_config, can_do_without, least_config
from llmring.exceptions import ValidationError
from llmring.files.forms import GOOGLE, FileForms
from llmring.providers.base import ProviderCall
from llmring.providers.remote import RemoteProvider
from llmring.providers.sdks import sdk

#: Where a caller says in Google's words, or in OpenAI's, how much is to be thought.
_THINKING_FIELDS = ("thinking_config", "thinkingConfig", "reasoning_effort")
_CONFIGS = ("generation_config", "generationConfig")


class GoogleProvider(RemoteProvider):
    """Google Gemini.

    Models think only when they are asked to, but for those that cannot do without.

    :param settings: those of `AsyncGeminiClient`; the environment fills in key and address.
    """

    cache_fields: ClassVar = frozenset({"cached_content", "cachedContent"})

    def __init__(self, name: str = "google", **settings: Any) -> None:
        super().__init__(name, AsyncGeminiClient.from_env(max_retries=0, **settings))

    def _make_sdk_client(self) -> Any:
        genai = sdk("google.genai", "google")
        root, _, last = self.chat_client.codec.api_root.rpartition("/")
        return genai.Client(
            # Without one the SDK takes that of the environment, whatever the address.
            api_key=self.api_key or "none",
            vertexai=False,
            http_options={"base_url": root, "api_version": last, "headers": self.headers},
        )

    def file_forms(self, call: ProviderCall) -> FileForms:
        """How the model of a call takes files; see `BaseLLMProvider.file_forms`."""
        return GOOGLE

    def arguments(self, call: ProviderCall) -> dict[str, Any]:
        """See `RemoteProvider.arguments`; `max_tokens` grows by `reasoning_tokens`.

        Google counts thoughts and answer by one limit.

        :raises ValidationError: `reasoning_tokens` and a field of Google's both say how much is to
            be thought.
        """
        asked = super().arguments(call)
        n_tokens = call.reasoning_tokens
        if said := _thinking_field(call.extra):
            if n_tokens is not None:
                raise ValidationError(
                    f"reasoning_tokens and extra_params[{said!r}] both say how much is to be "
                    "thought; give one of them"
                )
            return asked
        config = _thinking_config(call)
        if config is None:
            return asked
        if n_tokens and call.max_tokens is not None:
            asked["max_tokens"] = call.max_tokens + n_tokens
        return {**asked, "thinking_config": config}

    async def _close_sdk_client(self, client: Any) -> None:
        client.close()
        await client.aio.aclose()  # its half for coroutines


def _thinking_config(call: ProviderCall) -> dict[str, Any] | None:
    """How much is to be thought; None to leave it to the model."""
    facts = call.facts
    if facts is not None and facts.supports_thinking is False:
        return None
    # The registry knows what a name such as gemini-flash-latest stands for.
    model = call.model if facts is None else facts.model_name
    if call.reasoning_tokens is not None:
        return budget_config(call.reasoning_tokens, model)
    return least_config(model) if can_do_without(model) else None


def _thinking_field(extra: Mapping[str, Any]) -> str | None:
    """The keyword in which the caller says how much is to be thought; None for none."""
    for name in _THINKING_FIELDS:
        if extra.get(name) is not None:
            return name
    for name in _CONFIGS:
        config = extra.get(name)
        if isinstance(config, Mapping) and any(map(config.get, _THINKING_FIELDS)):
            return name
    return None
