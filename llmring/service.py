"""`LLMRing`: one service over all providers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Self

from pydantic import ValidationError as PydanticValidationError

from llmring.caller import Caller
from llmring.costs import Costs
from llmring.exceptions import ConfigurationError, ValidationError
from llmring.lockfile import AliasCache, AliasResolver, Lockfile, editing
from llmring.pending import Pending
from llmring.providers.base import BaseLLMProvider
from llmring.providers.catalog import ProviderCatalog
from llmring.registry import Registry, RegistryModel
from llmring.schemas import LLMRequest, LLMResponse
from llmring.settings import RingSettings
from llmring.streams import ChatStream


class LLMRing:
    """One service over all providers: aliases of a lockfile, fallback, cost.

    ::

        async with LLMRing() as service:
            response = await service.chat(
                LLMRequest(model="fast", messages=[Message(role="user", content="Hello!")])
            )

    It is safe to share between tasks and threads. Where no event loop runs, calls need no
    ``await``: ``ring.chat("fast", messages=[…]).content``.

    :param origin: who calls, for the usage log.
    :param registry_url: address of a registry of models, in place of the bundled one.
    :param lockfile_path: the lockfile; None for ``LLMRING_LOCKFILE_PATH``, ``./llmring.lock``, or
        the bundled one.
    :param alias_cache_size: most resolved aliases that are kept; 0 keeps none.
    :param alias_cache_ttl: seconds that they are kept.
    :param timeout: seconds that one try may take; for a stream, until it begins, and then for each
        gap. None takes ``LLMRING_PROVIDER_TIMEOUT_S``, else 60.
    :param strict_cost: raise `CostTrackingError` where a call's cost cannot be told; None takes
        ``LLMRING_STRICT_COST``, else False.
    :raises LockfileError: the lockfile is missing or broken.
    :raises ConfigurationError: another value cannot work.
    """

    def __init__(
        self,
        origin: str = "llmring",
        registry_url: str | None = None,
        lockfile_path: str | os.PathLike[str] | None = None,
        *,
        alias_cache_size: int = 1000,
        alias_cache_ttl: float = 3600.0,
        timeout: float | None = None,
        strict_cost: bool | None = None,
    ) -> None:
        self.origin = origin
        self.settings = RingSettings.read(os.environ, timeout, strict_cost)
        self.aliases = AliasResolver(
            lockfile_path, cache=AliasCache(alias_cache_size, alias_cache_ttl)
        )
        self.providers = ProviderCatalog(lambda: self.aliases.lockfile.providers)
        self.registry = Registry(registry_url)
        self._caller = Caller(self.aliases, self.providers, self.registry, self.settings)
        self._closed = False

    def __repr__(self) -> str:
        return f"LLMRing(origin={self.origin!r}, lockfile={str(self.lockfile.name)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Free what the providers hold; the ring can make no calls any more. Repeatable."""
        self._closed = True
        await self.providers.close()

    # Calls

    def chat(
        self,
        request: LLMRequest | str,
        profile: str | None = None,
        *,
        messages: Sequence[Any] | None = None,
        **fields: Any,
    ) -> Pending[LLMResponse]:
        """Answer a conversation: await it, or, where no event loop runs, read a field of it.

        :param request: the request, or an alias or ``provider:model`` beside `messages`.
        :param profile: the lockfile's profile; None for the one in use.
        :param messages: messages or dicts of their fields, where `request` is no `LLMRequest`.
        :param fields: further fields of `LLMRequest`, beside `messages`.
        :raises ValidationError: the arguments make no request.
        :raises LockfileError: (when awaited) no such alias or profile.
        :raises ProviderError: no model answered; ``details["attempts"]`` says how each failed.
        :raises CircuitBreakerError: all models have failed too often lately.
        :raises CostTrackingError: see `strict_cost`.
        """
        asked = as_request(request, messages, fields)
        self._check_open()
        return Pending(
            lambda: self._caller.chat(asked, profile), f"chat({asked.model!r})", LLMResponse
        )

    def chat_stream(
        self,
        request: LLMRequest | str,
        profile: str | None = None,
        *,
        messages: Sequence[Any] | None = None,
        **fields: Any,
    ) -> ChatStream:
        """Answer a conversation in chunks; arguments and errors are those of `chat`.

        :return: to be iterated with ``async for``, or ``for`` where no event loop runs.
        """
        asked = as_request(request, messages, fields)
        self._check_open()
        return ChatStream(self._caller, lambda: self._caller.job(asked, profile))

    def chat_with_alias(
        self,
        alias_or_model: str,
        messages: Sequence[Any],
        temperature: float | None = None,
        max_tokens: int | None = None,
        profile: str | None = None,
        stream: bool = False,
        **fields: Any,
    ) -> Pending[LLMResponse] | ChatStream:
        """As `chat`, or `chat_stream` where `stream` is true, without a request object."""
        call = self.chat_stream if stream else self.chat
        return call(
            alias_or_model,
            profile,
            messages=messages,
            temperature=temperature,
            max_tokens=max_tokens,
            **fields,
        )

    # Providers

    def get_provider(self, name: str) -> BaseLLMProvider:
        """A provider; its `client` is that of the provider's own SDK.

        :raises ProviderNotFoundError: there is none of that name.
        :raises LLMConfigError: it is not set up.
        """
        return self.providers.get(name)

    def register_provider(
        self, type: str, provider: BaseLLMProvider | None = None, **settings: Any
    ) -> None:
        """Use other settings for a provider, or add one.

        :param type: ``openai``, ``anthropic``, ``google``, ``ollama``, ``local``, or a new name.
        :param provider: one of your own; None for one of the kinds above, or, under a new name, for
            an address that speaks OpenAI's language.
        :param settings: `api_key`, `base_url`, and the other settings of its client.
        :raises ConfigurationError: the name cannot be one.
        :raises ProviderNotFoundError: a new name without `base_url`.
        """
        self.providers.register(type, provider, **settings)
        self.aliases.add_provider(type)

    # Aliases

    @property
    def lockfile(self) -> Lockfile:
        """The lockfile as it is now."""
        return self.aliases.lockfile

    def resolve_alias(self, alias_or_model: str, profile: str | None = None) -> str:
        """The first model that an alias stands for whose provider is set up.

        :return: ``provider:model``.
        :raises LockfileError: no such alias or profile.
        :raises ProviderNotFoundError: none of its providers is set up.
        """
        return self.aliases.resolve(alias_or_model, profile, self.providers.is_available).model

    def has_alias(self, alias: str, profile: str | None = None) -> bool:
        """Whether `alias` can be resolved. Never raises."""
        return self.aliases.has_alias(alias, profile)

    def require_aliases(
        self, aliases: Iterable[str], context: str | None = None, profile: str | None = None
    ) -> None:
        """Check that all `aliases` can be resolved.

        :param context: who needs them, for the message.
        :raises LockfileError: (a ValueError) some cannot; the message has each with its reason.
        """
        self.aliases.require_aliases(aliases, context, profile)

    def list_aliases(self, profile: str | None = None) -> dict[str, tuple[str, ...]]:
        """The lockfile's aliases and their models.

        :raises LockfileError: no such profile.
        """
        return self.aliases.aliases(profile)

    def bind_alias(
        self, alias: str, models: str | Sequence[str], profile: str | None = None
    ) -> None:
        """Bind an alias in the lockfile, which is written at once, its comments kept.

        :param models: ``provider:model``, or several, the first choice first.
        :raises LockfileError: the alias or a model cannot be one, or the file cannot be written.
        """
        with editing(self.aliases.location) as document:
            document.bind(alias, models, profile)
        self.aliases.clear()

    def unbind_alias(self, alias: str, profile: str | None = None) -> bool:
        """Take an alias out of the lockfile. :return: whether it was there.

        :raises LockfileError: no such profile, or the file cannot be written.
        """
        with editing(self.aliases.location) as document:
            found = document.unbind(alias, profile)
        self.aliases.clear()
        return found

    def clear_alias_cache(self) -> None:
        """Forget resolved aliases; what changes in the lockfile is noticed without it."""
        self.aliases.clear()

    # Models and costs

    def get_model_info(self, alias_or_model: str, profile: str | None = None) -> RegistryModel:
        """What the registry says of a model.

        :raises ModelNotFoundError: it does not know it.
        """
        return self.registry.require(self.resolve_alias(alias_or_model, profile))

    def calculate_cost(self, response: LLMResponse) -> Costs:
        """What a call cost, in dollars, by part; ``["total_cost"]`` is all of it.

        It may be awaited. It is empty where the cost cannot be told, and `status` says why.
        """
        return Costs(self.registry.cost(response.usage, response.model), response.model)

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigurationError("this LLMRing is closed; make another one")


def as_request(
    request: LLMRequest | str, messages: Sequence[Any] | None, fields: Mapping[str, Any]
) -> LLMRequest:
    """The request that the arguments of a call make.

    :raises ValidationError: they make none; the message says why.
    """
    if isinstance(request, LLMRequest):
        if messages is None and not fields:
            return request
        raise ValidationError("give the fields in the LLMRequest, or give an alias and messages=…")
    if messages is None:
        raise ValidationError(
            f"chat({str(request)[:80]!r}) has no messages; give messages=[…], or an LLMRequest"
        )
    try:
        return LLMRequest(model=request, messages=messages, **fields)
    except PydanticValidationError as err:
        first = err.errors(include_url=False, include_context=False, include_input=False)[0]
        place = ".".join(map(str, first["loc"]))
        problem = f"{place}: {first['msg']}"
    raise ValidationError(f"the arguments make no request ({problem})")
