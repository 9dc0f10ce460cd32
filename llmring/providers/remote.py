"""A provider that is called over the network, by a client of `cloud.llm`."""

from __future__ import annotations

import contextlib
import threading
from abc import abstractmethod
from typing import TYPE_CHECKING, Any, BinaryIO, ClassVar

from LLM.secrets import Secret, Secrets
from llmring.exceptions import ValidationError
from llmring.messages import openai_messages
from llmring.providers.base import BaseLLMProvider, ProviderCall
from llmring.providers.kept_files import file_metadata, upload_response

if TYPE_CHECKING:
    import os

    from cloud.llm.async_client import AsyncChatClient
    from cloud.llm.streams import AsyncEventStream
    from cloud.llm.types import ChatResponse
    from llmring.schemas import FileMetadata, FileUploadResponse

#: Arguments of the clients' `chat` that are no fields of a provider's.
_OWN_ARGUMENTS = frozenset({"messages", "model", "self", "timeout"})
#: What is asked of some provider's cache and changes no answer: others can leave it out.
_CACHE_HINTS = frozenset(
    {"cache_control", "prompt_cache_key", "prompt_cache_options", "prompt_cache_retention"}
)


class RemoteProvider(BaseLLMProvider):
    """A provider behind one of `cloud.llm`'s clients.

    :param name: what stands before the colon in ``provider:model``.
    :param chat_client: the client that is called; it makes no tries of its own.
    """

    #: What of `ProviderCall.cache` the provider has fields for; None for all.
    cache_fields: ClassVar[frozenset[str] | None] = None

    def __init__(self, name: str, chat_client: AsyncChatClient) -> None:
        super().__init__(name)
        self.chat_client = chat_client
        self._sdk_client: Any = None
        self._lock = threading.Lock()

    @property
    def client(self) -> Any:
        """The client of the provider's own SDK, with the same key and address."""
        with self._lock:
            if self._sdk_client is None:
                self._sdk_client = self._make_sdk_client()
            return self._sdk_client

    @property
    def api_key(self) -> str:
        """The key as plain text; empty for none."""
        key = self.chat_client.config.api_key
        return Secret(key).get_secret_value() if key else ""

    @property
    def headers(self) -> dict[str, str]:
        """The further headers of the settings, as plain text."""
        headers = self.chat_client.config.headers
        return {name: Secret(value).get_secret_value() for name, value in headers.items()}

    @property
    def secrets(self) -> Secrets:
        """The key, and what the further headers hold."""
        return self.chat_client.config.secrets

    @abstractmethod
    def _make_sdk_client(self) -> Any:
        """The SDK's client; the one place that imports it.

        :raises ConfigurationError: it is not installed, or the provider has none.
        """

    async def chat(self, call: ProviderCall) -> ChatResponse:
        """Answer a conversation; see `BaseLLMProvider.chat`."""
        return await self.chat_client.chat(
            self.messages(call), call.model, timeout=call.timeout_s, **self.arguments(call)
        )

    def stream(self, call: ProviderCall) -> AsyncEventStream:
        """The events of an answer; see `BaseLLMProvider.stream`."""
        return self.chat_client.events(
            self.messages(call), call.model, timeout=call.timeout_s, **self.arguments(call)
        )

    def messages(self, call: ProviderCall) -> list[dict[str, Any]]:
        """The messages as the client takes them.

        :raises LLMError: the provider has no form for a part of them.
        """
        return openai_messages(call.messages)

    def tools(self, call: ProviderCall) -> list[dict[str, Any]] | None:
        """The tools as the client takes them; None for none."""
        return call.tools

    def arguments(self, call: ProviderCall) -> dict[str, Any]:
        """The further arguments of the client's `chat`.

        :raises LLMError: the provider has no form for what is asked.
        """
        if misplaced := _OWN_ARGUMENTS.intersection(call.extra):
            raise ValidationError(
                f"extra_params has {min(misplaced)!r}, which is a field of the request itself; "
                "give it there"
            )
        return {
            "temperature": call.temperature,
            "max_tokens": call.max_tokens,
            "tools": self.tools(call),
            "tool_choice": call.tool_choice,
            "response_format": call.response_format,
            **self._cache(call),
            **call.extra,
        }

    def _cache(self, call: ProviderCall) -> dict[str, Any]:
        """What is asked of the provider's cache.

        :raises ValidationError: the provider has no form for it, and it is more than a hint.
        """
        asked, known = call.cache or {}, self.cache_fields
        if known is None or not asked:
            return asked
        if unknown := asked.keys() - known - _CACHE_HINTS:
            taken = ", ".join(map(repr, sorted(known))) or "nothing"
            raise ValidationError(
                f"cache has {min(unknown)!r}, for which {self.name!r} has no form; it takes {taken}"
            )
        return {name: value for name, value in asked.items() if name in known}

    async def list_models(self) -> list[str] | None:
        """The models that can be asked now; see `BaseLLMProvider.list_models`."""
        return await self.chat_client.list_models()

    async def upload_file(
        self,
        file: str | os.PathLike[str] | bytes | BinaryIO,
        purpose: str | None = None,
        filename: str | None = None,
        *,
        media_type: str | None = None,
    ) -> FileUploadResponse:
        """Give the provider a file to keep; see `BaseLLMProvider.upload_file`."""
        found = await self.chat_client.upload_file(
            file, filename=filename, media_type=media_type, purpose=purpose
        )
        return upload_response(found, self.name, purpose)

    async def get_file(self, file_id: str) -> FileMetadata:
        """What the provider knows of a file; see `BaseLLMProvider.get_file`."""
        return file_metadata(await self.chat_client.file_info(file_id), self.name)

    async def delete_file(self, file_id: str) -> bool:
        """Delete a file at the provider; see `BaseLLMProvider.delete_file`."""
        return await self.chat_client.delete_file(file_id)

    async def _close_sdk_client(self, client: Any) -> None:
        """Close the SDK's client, which was made."""
        await client.close()

    async def close(self) -> None:
        """Close the SDK's client; connections belong to all clients of the address."""
        client, self._sdk_client = self._sdk_client, None
        if client is not None:
            # Its connections may be of an event loop that has ended, and have ended with it.
            with contextlib.suppress(RuntimeError):
                await self._close_sdk_client(client)
        await self.chat_client.close()
