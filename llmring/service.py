"""`LLMRing`: one service over all providers."""

from __future__ import annotations

import os
from collections.abc import Sequence
from typing import Any, Literal, Self, overload

from llmring.arguments import as_request
from llmring.base import BaseRing
from llmring.call_logs import CallLogs
from llmring.conversations.store_address import StoreAddress
from llmring.exceptions import ConfigurationError
from llmring.lockfile import AliasCache, AliasResolver
from llmring.pending import PendingResponse
from llmring.registry import Registry
from llmring.schemas import LLMRequest, LLMResponse
from llmring.settings import RingSettings
from llmring.streams import ChatStream

_MAX_ORIGIN_CHARS = 200


class LLMRing(BaseRing):
    """One service over all providers: aliases of a lockfile, fallback, cost.

    ::

        async with LLMRing() as service:
            response = await service.chat(
                LLMRequest(model="fast", messages=[Message(role="user", content="Hello!")])
            )

    It is safe to share between tasks and threads. Where no event loop runs, calls need no
    ``await``: ``ring.chat("fast", messages=[…]).content``.

    :param origin: who calls, for the usage log; 1 to 200 characters.
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
        _check_origin(origin)
        settings = RingSettings.read(os.environ, timeout, strict_cost)
        aliases = AliasResolver(lockfile_path, cache=AliasCache(alias_cache_size, alias_cache_ttl))
        super().__init__(settings, aliases, Registry(registry_url))
        self.origin = origin
        self._store_address = self._find_store(server_url, api_key)
        self._logs = CallLogs(
            self._store_address,
            origin,
            calls=log_metadata and self.settings.log_metadata,
            conversations=log_conversations,
        )
        self._logs.watch(self._caller)

    def __repr__(self) -> str:
        return f"LLMRing(origin={self.origin!r}, lockfile={str(self.lockfile.name)!r})"

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        await self.close()

    async def close(self) -> None:
        """Free what the providers hold; the ring can make no calls any more. Repeatable."""
        self._closed = True
        try:
            await self.providers.close()
        finally:
            await self._logs.close()  # or what waits to be noted would be lost

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


def _check_origin(origin: object) -> None:
    """:raises ConfigurationError: it is no name."""
    if not isinstance(origin, str) or not 1 <= len(origin) <= _MAX_ORIGIN_CHARS:
        raise ConfigurationError(
            f"origin is {origin!r:.80}; give a name of 1 to {_MAX_ORIGIN_CHARS} characters"
        )
