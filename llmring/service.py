"""`LLMRing`: one service over all providers."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Literal, Self, overload

from llmring.arguments import as_request
from llmring.call_logs import CallLogs
from llmring.caller import Caller
from llmring.conversations.store_address import StoreAddress
from llmring.costs import Costs
from llmring.exceptions import ConfigurationError, ValidationError
from llmring.lockfile import (
    BUILTIN_PROVIDERS,
    AliasCache,
    AliasResolver,
    Lockfile,
    LockfileDocument,
    editing,
)
from llmring.models import Models
from llmring.pending import PendingResponse
from llmring.providers.base import BaseLLMProvider
from llmring.providers.catalog import ProviderCatalog
from llmring.registry import Drift, Registry, RegistryModel
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
    :param server_url: address of an llmring server where calls are noted; None for
        ``LLMRING_SERVER_URL``, else they are noted in a database on this machine
        (``LLMRING_DATABASE_URL``, else a file in the user's data folder).
    :param api_key: the key for that server; None for ``LLMRING_API_KEY``.
    :param log_metadata: note each call that was answered in the usage log, in the background: when,
        which model, how many tokens, at what cost; nothing of what is said. Nothing is noted where
        ``LLMRING_LOG_METADATA`` is 0.
    :param log_conversations: also keep what is said, each call as a conversation of its own.
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
        server_url: str | None = None,
        api_key: str | None = None,
        log_metadata: bool = True,
        log_conversations: bool = False,
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
        self.providers = ProviderCatalog(lambda: self.aliases.last_read.providers)
        self.registry = Registry(registry_url)
        self._caller = Caller(self.aliases, self.providers, self.registry, self.settings)
        self._models = Models(
            self.aliases, self.providers, self.registry, self._caller, self.settings.timeout_s
        )
        self._store_address = self._find_store(server_url, api_key)
        self._logs = CallLogs(
            self._store_address,
            origin,
            calls=log_metadata and self.settings.log_metadata,
            conversations=log_conversations,
        )
        self._logs.watch(self._caller)
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
        await self._logs.close()

    def _find_store(self, server_url: str | None, api_key: str | None) -> StoreAddress:
        """Where calls are noted."""
        return StoreAddress.read(os.environ, server_url, api_key)

    # Calls

    def chat(
        self,
        request: LLMRequest | str,
        profile: str | None = None,
        *,
        messages: Sequence[Any] | None = None,
        **fields: Any,
    ) -> PendingResponse:
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
        return PendingResponse(
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

    @overload
    def chat_with_alias(
        self,
        alias_or_model: str,
        messages: Sequence[Any],
        temperature: float | None = None,
        max_tokens: int | None = None,
        profile: str | None = None,
        stream: Literal[False] = False,
        **fields: Any,
    ) -> PendingResponse: ...

    @overload
    def chat_with_alias(
        self,
        alias_or_model: str,
        messages: Sequence[Any],
        temperature: float | None = None,
        max_tokens: int | None = None,
        profile: str | None = None,
        *,
        stream: Literal[True],
        **fields: Any,
    ) -> ChatStream: ...

    @overload
    def chat_with_alias(
        self,
        alias_or_model: str,
        messages: Sequence[Any],
        temperature: float | None = None,
        max_tokens: int | None = None,
        profile: str | None = None,
        stream: bool = False,
        **fields: Any,
    ) -> PendingResponse | ChatStream: ...

    def chat_with_alias(
        self,
        alias_or_model: str,
        messages: Sequence[Any],
        temperature: float | None = None,
        max_tokens: int | None = None,
        profile: str | None = None,
        stream: bool = False,
        **fields: Any,
    ) -> PendingResponse | ChatStream:
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
        :raises LockfileError: the lockfile is gone or broken.
        """
        self.aliases.look()
        return self.providers.get(name)

    def register_provider(
        self, type: str, provider: BaseLLMProvider | None = None, **settings: Any
    ) -> None:
        """Use other settings for a provider, or add one.

        :param type: ``openai``, ``anthropic``, ``google``, ``ollama``, ``local``, or a new name.
        :param provider: one of your own; None for one of the kinds above, or, under a new name, for
            an address that speaks OpenAI's language.
        :param settings: `api_key`, `base_url`, and the other settings of its client.
        :raises ConfigurationError: the name cannot be one, or a setting is not for it.
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

    def init_lockfile(self, force: bool = False) -> Path:
        """Write a lockfile with the usual aliases, for the providers whose keys are set.

        Where no key is set, the aliases list the models of all providers. It is written where the
        ring reads it: ``./llmring.lock``, or the file that the ring was given.

        :param force: replace the file that is there.
        :return: where it is.
        :raises LockfileError: it is there, or cannot be written.
        """
        path = self.aliases.location.target
        LockfileDocument.starter(self.providers.keyed or BUILTIN_PROVIDERS, path).save(force=force)
        self.aliases.clear()
        return path

    def clear_alias_cache(self) -> None:
        """Forget resolved aliases; what changes in the lockfile is noticed without it."""
        self.aliases.clear()

    # Files

    def register_file(self, path: str | os.PathLike[str], file_id: str | None = None) -> str:
        """Register a file, for `LLMRequest.files` of any provider; nothing is sent yet.

        It is read once, to be known again: a gigabyte takes 2 s. A provider gets it when a call to
        one of its models first refers to it, and again when it has changed.

        :param path: which files may be read is up to ``LLMRING_FILE_ROOTS``.
        :param file_id: its id; None makes one.
        :return: its id, ``llmring-file-…``.
        :raises FileProcessingError: it may not or cannot be read, or is empty; or the id is taken.
        :raises FileSizeError: it is larger than ``LLMRING_MAX_FILE_SIZE_BYTES``, 512 MiB.
        """
        return self._caller.files.register(path, file_id)

    def list_registered_files(self) -> list[dict[str, Any]]:
        """The registered files: ``id``, ``file_path``, ``registered_at`` and ``content_hash``.

        And ``uploads``, by provider: ``provider_file_id``, ``uploaded_at`` and ``metadata``.
        """
        return self._caller.files.told()

    async def deregister_file(self, file_id: str) -> bool:
        """Forget a registered file, and delete the copies that providers have of it.

        :return: whether it was registered.
        :raises FileProcessingError: a copy could not be deleted; ``details["copies"]`` says which.
            The file is no longer registered.
        """
        return await self._caller.files.deregister(file_id)

    # Models and costs

    def get_model_info(self, alias_or_model: str, profile: str | None = None) -> RegistryModel:
        """What the registry says of a model.

        :raises ModelNotFoundError: it does not know it.
        :raises LockfileError: no such alias or profile.
        :raises ProviderNotFoundError: none of the alias's providers is set up.
        """
        model = self.resolve_alias(alias_or_model, profile)
        return self.registry.require(model, self._pin(model, profile))

    async def get_enhanced_model_info(
        self, alias_or_model: str, profile: str | None = None
    ) -> dict[str, Any]:
        """As `get_model_info`, as a dict, and of models that no registry lists too.

        :return: ``provider``, ``model`` (without the provider), ``listed`` (by a registry),
            ``available`` (whether the provider is set up), and the fields of `RegistryModel`, None
            where they are not known.
        :raises LockfileError: no such alias or profile.
        """
        return await self._models.info(alias_or_model, profile)

    async def get_available_models(self) -> dict[str, list[str]]:
        """The models that can be asked, by provider; without providers that are not set up.

        Of ``local``, ``ollama`` and addresses of your own it is what they have now, and empty
        where they cannot be asked, which the log tells; of others, the active models that the
        registry lists.

        :raises LockfileError: the lockfile is gone or broken.
        """
        self._check_open()  # or providers that are closed would seem to have none
        return await self._models.available()

    async def validate_context_limit(
        self, request: LLMRequest, profile: str | None = None
    ) -> str | None:
        """Whether a request fits the model that is asked first; nothing is sent to it.

        Of models in this process the prompt's tokens are counted. Of others they are estimated, as
        a quarter of the bytes of the text, without images and files: English comes out about right,
        other texts may have twice as many. So what is near the limit may still be refused.

        :return: None when it fits, or the limit is not known; else what is too long.
        :raises LLMRingError: no such alias, or the request cannot work at all.
        """
        return await self._models.context_problem(as_request(request, None, {}), profile)

    async def registry_drift(self, profile: str | None = None) -> dict[str, Drift]:
        """What has changed in the lists of models since the lockfile pinned them, by provider.

        :raises LockfileError: no such profile.
        :raises RegistryError: a pinned list cannot be had.
        """
        return await self._models.drift(profile)

    def calculate_cost(
        self, response: LLMResponse | PendingResponse, profile: str | None = None
    ) -> Costs:
        """What a call cost, in dollars, by part; ``["total_cost"]`` is all of it.

        It may be awaited. It is empty where the cost cannot be told, and `status` says why.

        :param profile: whose pinned prices count; None for the profile in use.
        :raises LockfileError: the lockfile is gone or broken.
        :raises ValidationError: `response` is no answer.
        """
        if not isinstance(getattr(response, "model", None), str):
            raise ValidationError(
                f"response is a {type(response).__name__}; give the LLMResponse of a call"
            )
        pin = self._pin(response.model, profile)
        return Costs(self.registry.cost(response.usage, response.model, pin), response.model)

    def _pin(self, model: str, profile: str | None) -> int | None:
        return self.aliases.registry_versions(profile).get(model.partition(":")[0])

    def _check_open(self) -> None:
        if self._closed:
            raise ConfigurationError("this LLMRing is closed; make another one")
