"""What the ring asks of a provider: a call in OpenAI's words, an answer or a stream of events back.

To add one of your own, subclass `BaseLLMProvider` and give it to `LLMRing.register_provider`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Awaitable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, BinaryIO, NamedTuple, Protocol

from LLM.secrets import Secrets
from llmring.exceptions import ValidationError

if TYPE_CHECKING:
    import os

    from cloud.llm.events import StreamEvent
    from cloud.llm.types import ChatResponse
    from llmring.files.forms import FileForms
    from llmring.registry import RegistryModel
    from llmring.schemas import FileMetadata, FileUploadResponse


# Not frozen, though nobody changes it: that would cost 3 µs of every call.
@dataclass(slots=True)
class ProviderCall:
    """One try of a request at one model.

    :param model: the model's name at the provider, without the provider's.
    :param messages: dicts as OpenAI has them. One with ``cache_control`` marks the prompt up to it
        for the provider's cache.
    :param timeout_s: seconds for the try; for a stream, until it begins, and then for each gap.
    :param temperature: 0.0 to 2.0; None leaves it to the provider.
    :param max_tokens: most tokens of the answer; None leaves it to the provider.
    :param reasoning_tokens: most tokens to think, beside `max_tokens`; None leaves it to the
        provider, 0 asks for no thinking.
    :param tools: nested as OpenAI has them, flat, or the provider's own kinds.
    :param tool_choice: ``auto``, ``none``, ``required``, a tool's name, or OpenAI's dict.
    :param response_format: as `cloud.llm` takes it; None for any text.
    :param cache: what to keep in the provider's cache, in its own words.
    :param extra: the provider's own fields, sent as they are.
    :param facts: what the registry knows of the model; None when it does not know it.
    """

    model: str
    messages: list[dict[str, Any]]
    timeout_s: float
    temperature: float | None = None
    max_tokens: int | None = None
    reasoning_tokens: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: str | dict[str, Any] | None = None
    response_format: Any = None
    cache: dict[str, Any] | None = None
    extra: dict[str, Any] = field(default_factory=dict)
    facts: RegistryModel | None = None


class PromptSize(NamedTuple):
    """How long a prompt is, and may be.

    :param tokens: its tokens, by the model's own tokenizer.
    :param window: tokens that prompt and answer together may have.
    """

    tokens: int
    window: int


class EventStream(Protocol):
    """A stream as providers give it; that of `cloud.llm.AsyncEventStream`."""

    def __aiter__(self) -> AsyncIterator[StreamEvent]: ...

    async def __anext__(self) -> StreamEvent: ...

    async def aclose(self) -> None:
        """Stop the stream and free what is behind it. Safe to call again, and after the end."""
        ...

    @property
    def response(self) -> Awaitable[ChatResponse]:
        """The answer that the events add up to; reads the rest first."""
        ...


class BaseLLMProvider(ABC):
    """A provider of models. It must be safe to use from several tasks and event loops.

    It tries once: the ring decides on retries, and on what to fall back to.

    :param name: what stands before the colon in ``provider:model``.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name!r})"

    @property
    def secrets(self) -> Secrets:
        """What must not be told in errors: its keys."""
        return None

    @property
    @abstractmethod
    def client(self) -> Any:
        """The client of the provider's own SDK, for what the ring does not do.

        :raises ConfigurationError: the SDK is not installed, or the provider has none.
        """

    @abstractmethod
    async def chat(self, call: ProviderCall) -> ChatResponse:
        """Answer a conversation.

        :raises LLMError: the try failed; its class says how.
        """

    @abstractmethod
    def stream(self, call: ProviderCall) -> EventStream:
        """Answer a conversation, telling what happens as it happens.

        Nothing is sent before the stream is first iterated.

        :raises LLMError: the call cannot work.
        """

    async def list_models(self) -> list[str] | None:
        """The models that can be asked now; None where the provider does not tell.

        :raises LLMError: it cannot be asked.
        """
        return None

    async def prompt_size(self, call: ProviderCall) -> PromptSize | None:
        """How long the prompt of a call is; None where only an answer would tell.

        :raises LLMError: the model cannot be loaded, or not take the messages.
        """
        return None

    def file_forms(self, call: ProviderCall) -> FileForms:
        """How the model of a call takes files: in messages, where a provider says nothing else."""
        from llmring.files.forms import PLAIN

        return PLAIN

    async def upload_file(
        self,
        file: str | os.PathLike[str] | bytes | BinaryIO,
        purpose: str | None = None,
        filename: str | None = None,
        *,
        media_type: str | None = None,
    ) -> FileUploadResponse:
        """Give the provider a file to keep. `LLMRing.register_file` does so by itself.

        :param file: a path, bytes, or a file that is open for reading bytes.
        :param purpose: what it is for, in the provider's words; None for the input of models.
        :param filename: None for the file's own.
        :param media_type: None for what the name tells.
        :raises InvalidRequestError: the provider keeps no files, or an argument is wrong.
        :raises LLMError: it refuses this one, or cannot be reached.
        """
        raise self._keeps_none()

    async def get_file(self, file_id: str) -> FileMetadata:
        """What the provider knows of a file.

        :param file_id: the provider's own id.
        :raises LLMError: it keeps none, knows none of that id, or cannot be reached.
        """
        raise self._keeps_none()

    async def delete_file(self, file_id: str) -> bool:
        """Delete a file at the provider.

        :param file_id: the provider's own id.
        :return: whether it was there.
        :raises LLMError: it keeps none, refuses, or cannot be reached.
        """
        raise self._keeps_none()

    def _keeps_none(self) -> ValidationError:
        return ValidationError(f"{self.name!r} keeps no files; put them into the messages")

    async def close(self) -> None:
        """Free what the provider holds. Safe to call again."""
        return
