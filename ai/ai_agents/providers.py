"""The models that an agent can ask, by the name of their provider.

::

    from ai.ai_agents.providers import get_provider

    provider = get_provider("anthropic", api_key="...", model="claude-sonnet-4-20250514")
    response = await provider.run([{"role": "user", "content": "Hello!"}])

A provider is a thin wrapper of one of `cloud.llm`'s clients for coroutines, whose module is loaded
when the provider is asked for.
"""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, Self

import cloud.llm

if TYPE_CHECKING:
    from cloud.llm.async_client import AsyncChatClient
    from cloud.llm.streams import AsyncEventStream, AsyncTextStream
    from cloud.llm.types import ChatResponse


@dataclass(frozen=True, slots=True)
class ProviderSpec:
    """How to reach a provider by default.

    :param client: name of the client's class in `cloud.llm`.
    :param base_url: the provider's address; None for the class's own.
    :param model: the model that is asked where none is named; None for the class's own.
    :param key_variable: the environment variable of the key, beside a `base_url`; the class knows
        those of its own address.
    """

    client: str
    base_url: str | None = None
    model: str | None = None
    key_variable: str = ""


#: Every provider that `get_provider` knows, by name.
PROVIDERS = MappingProxyType(
    {
        "anthropic": ProviderSpec("AsyncAnthropicClient"),
        "gemini": ProviderSpec("AsyncGeminiClient"),
        "groq": ProviderSpec(
            "AsyncOpenAICompatClient",
            base_url="https://api.groq.com/openai/v1",
            model="llama-3.3-70b-versatile",
            key_variable="GROQ_API_KEY",
        ),
        "ollama": ProviderSpec("AsyncOllamaClient"),
        "openai": ProviderSpec("AsyncOpenAICompatClient"),
    }
)


class Provider:
    """One provider's client as agents use it; safe to share between tasks.

    :param name: the provider's name.
    :param client: the client that is asked.
    """

    def __init__(self, name: str, client: AsyncChatClient) -> None:
        self.name = name
        #: The client behind it, for all that a provider has no method for.
        self.client = client

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r}, {self.client!r})"

    @property
    def model(self) -> str:
        """The model that is asked where a call names none."""
        return self.client.model

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def run(self, messages: Any, *, tools: Any = None, **kwargs: Any) -> ChatResponse:
        """Answer a conversation.

        :param messages: dicts with `role` and `content`, or objects that have them.
        :param tools: flat, ``{"name": …, "parameters": …}``, or nested as OpenAI has them.
        :param kwargs: further arguments of the client's `chat`, whose errors these are as well.
        """
        return await self.client.chat(messages, tools=tools, **kwargs)

    def stream(self, messages: Any, *, tools: Any = None, **kwargs: Any) -> AsyncTextStream:
        """Answer a conversation, piece by piece: iterate the text with ``async for``.

        Arguments are those of `run`, and errors too, which come while the stream is iterated.
        """
        return self.client.chat_stream(messages, tools=tools, **kwargs)

    def events(self, messages: Any, *, tools: Any = None, **kwargs: Any) -> AsyncEventStream:
        """Answer a conversation, telling all that happens as it happens.

        Arguments are those of `run`, and errors too, which come while the stream is iterated.

        :return: an iterator of events (see `cloud.llm.events`), with the answer in `.response`.
        """
        return self.client.events(messages, tools=tools, **kwargs)

    async def close(self) -> None:
        """Close the client. Connections belong to all clients of the address and stay open.

        `cloud.close_all_cloud_clients` closes them.
        """
        await self.client.close()


def list_providers() -> list[str]:
    """The names that `get_provider` knows, by alphabet."""
    return sorted(PROVIDERS)


def get_provider(
    name: str,
    api_key: str | None = None,
    model: str | None = None,
    base_url: str | None = None,
    **settings: Any,
) -> Provider:
    """The provider of that name.

    :param name: one of `list_providers`, whatever its case.
    :param api_key: the key. None takes it from the provider's environment variable, unless a
        `base_url` is given: a key of the environment goes to no other address than its own.
    :param model: the model that is asked; None for the provider's default.
    :param base_url: an address in place of the provider's own.
    :param settings: further settings of the client: `timeout`, `max_retries`, `headers`, …
    :raises LLMConfigError: there is no such provider, no key, or a setting cannot work.
    """
    spec = _spec(name)
    client_class: type[AsyncChatClient] = getattr(cloud.llm, spec.client)
    if spec.base_url is not None and base_url is None:
        base_url = spec.base_url
        api_key = _key_of_environment(spec) if api_key is None else api_key
    # `from_env` reads the variables of the class's own address, where no other is given.
    make = client_class.from_env if api_key is None else client_class
    model = spec.model if model is None else model
    client = make(api_key=api_key, model=model, base_url=base_url, **settings)
    return Provider(name.lower(), client)


def _spec(name: Any) -> ProviderSpec:
    spec = PROVIDERS.get(name.lower()) if isinstance(name, str) else None
    if spec is None:
        near = difflib.get_close_matches(str(name).lower(), PROVIDERS, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise cloud.llm.LLMConfigError(
            f"unknown provider {name!r}; there are {', '.join(list_providers())}{hint}"
        )
    return spec


def _key_of_environment(spec: ProviderSpec) -> str:
    key = os.environ.get(spec.key_variable)
    if not key:
        raise cloud.llm.LLMConfigError(
            f"{spec.base_url} needs a key; give api_key=…, or set {spec.key_variable}"
        )
    return key


__all__ = ["PROVIDERS", "Provider", "ProviderSpec", "get_provider", "list_providers"]
