"""What a provider's codec is: a call in, its request out; bytes in, the answer or its events out.

Codecs are pure and written once for both worlds; no other module knows a provider's JSON.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Protocol

from cloud.llm.config import ClientConfig
from cloud.llm.events import StreamEvent
from cloud.llm.files import FileCodec
from cloud.llm.json_schema import JSONSchema
from cloud.llm.questions import ModelPage, Question
from cloud.llm.types import ChatResponse
from LLM.codec import Source
from LLM.exceptions import LLMError


# Not frozen, though nobody changes it: that would cost 3 µs of every call.
@dataclass(slots=True)
class ChatCall:
    """One call, checked and in OpenAI's words, before any provider's form is made of it.

    :param model: the model to ask.
    :param messages: dicts as OpenAI has them; a system prompt given apart comes first.
    :param has_system: whether the first message is such a system prompt.
    :param stream: whether the answer is wanted in pieces.
    :param temperature: 0.0 to 2.0; None leaves it to the provider.
    :param max_tokens: most tokens to generate; None leaves it to the provider.
    :param tools: nested, ``{"type": "function", "function": {…}}``, or a provider's own kinds.
    :param tool_choice: ``auto``, ``none``, ``required``, or
        ``{"type": "function", "function": {"name": …}}``.
    :param response_format: as OpenAI has it: ``{"type": "json_schema", "json_schema": {…}}``, …
    :param class_schema: the JSON schema of the pydantic class that was given as `response_format`,
        as pydantic writes it; None where none was.
    :param json_schema: the `JSONSchema` that was given as `response_format`; None where none was.
    :param extra: further keywords of the caller, for the provider's own fields.
    """

    model: str
    messages: list[dict[str, Any]]
    has_system: bool = False
    stream: bool = False
    temperature: float | None = None
    max_tokens: int | None = None
    tools: list[dict[str, Any]] | None = None
    tool_choice: Any = None
    response_format: dict[str, Any] | None = None
    class_schema: Mapping[str, Any] | None = None
    json_schema: JSONSchema | None = None
    extra: dict[str, Any] = field(default_factory=dict)


def placed(
    messages: Iterable[dict[str, Any]], has_system: bool = False
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each message behind its place in what the caller gave, which errors name.

    :param has_system: as in `ChatCall`.
    """
    for i, message in enumerate(messages, -1 if has_system else 0):
        yield (f"messages[{i}]" if i >= 0 else "system"), message


@dataclass(frozen=True, slots=True)
class WireRequest:
    """What is sent.

    :param path: added to the client's address; begins with a slash.
    :param body: JSON.
    """

    path: str
    body: bytes


class EventDecoder(Protocol):
    """Decodes one stream: bytes in, events out, cut wherever the network cuts them."""

    @property
    def done(self) -> bool:
        """Whether the provider has said that the stream is over."""
        ...

    def feed(self, data: bytes) -> Iterable[StreamEvent]:
        """Take the next bytes. :return: the events that they complete; none may be kept back.

        :raises LLMAPIError: the stream tells an error, or cannot be read.
        """
        ...

    def finish(self) -> Iterable[StreamEvent]:
        """The bytes have ended without the provider's own end.

        :return: events that lacked only their last line end.
        :raises LLMResponseError: the stream was cut short, or was none.
        """
        ...


class Codec(Protocol):
    """One provider's wire form. Made with a client's `ClientConfig`."""

    def __init__(self, config: ClientConfig) -> None: ...

    @property
    def api_root(self) -> str:
        """The address that paths are added to, without a slash at its end."""
        ...

    @property
    def headers(self) -> Mapping[str, str]:
        """Headers of every request, the key's among them, as a `Secret`."""
        ...

    @property
    def files(self) -> FileCodec | None:
        """The provider's file API; None where it has none."""
        ...

    def request(self, call: ChatCall) -> WireRequest:
        """The provider's form of a call.

        :raises InvalidRequestError: the provider has no form for it.
        """
        ...

    def response(self, body: bytes, status: int, source: Source) -> ChatResponse:
        """The answer in a 2xx body.

        :raises LLMAPIError: it holds an error.
        :raises LLMResponseError: it cannot be read, or answers nothing.
        """
        ...

    def decoder(self, status: int, source: Source) -> EventDecoder:
        """A decoder for one stream."""
        ...

    def models(self, after: str | None) -> Question[ModelPage]:
        """What asks for a page of the models.

        :param after: what the page before it says of it; None for the first page.
        """
        ...

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, source: Source
    ) -> LLMError:
        """The error for an answer whose status is not 2xx."""
        ...
