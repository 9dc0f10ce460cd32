"""Ollama's own API as requests, answers and events.

Its OpenAI endpoint would do for plain chats; this one has thoughts, the model's window, formats
and how long a model stays in memory.
"""

from __future__ import annotations

from collections.abc import Mapping

from cloud.llm.codec import ChatCall, WireRequest
from cloud.llm.config import ClientConfig
from cloud.llm.files import FileCodec
from cloud.llm.ollama.address import api_root
from cloud.llm.ollama.answers import AnswerDecoder, read_response
from cloud.llm.ollama.errors import refusal
from cloud.llm.ollama.management import LIST_MODELS
from cloud.llm.ollama.requests import chat_body
from cloud.llm.questions import ModelPage, Question
from cloud.llm.types import ChatResponse
from LLM.codec import Source, encode_body
from LLM.exceptions import LLMError
from LLM.headers import bearer

PATH = "/api/chat"


class OllamaCodec:
    """The wire form of an Ollama server.

    :param config: the client's settings. A `base_url` that ends in ``/v1`` or ``/api`` is taken
        without it. The key is for Ollama's cloud, and for proxies; a local server asks for none.
    """

    def __init__(self, config: ClientConfig) -> None:
        self.api_root = api_root(config.base_url)
        self.headers = bearer(config.api_key)
        self.files: FileCodec | None = None

    def request(self, call: ChatCall) -> WireRequest:
        """:raises InvalidRequestError: an argument has no form in Ollama; names it."""
        return WireRequest(PATH, encode_body(chat_body(call)))

    def response(self, body: bytes, status: int, source: Source) -> ChatResponse:
        """:raises LLMAPIError: the body holds an error, or cannot be read."""
        return read_response(body, status, source)

    def decoder(self, status: int, source: Source) -> AnswerDecoder:
        """A decoder for one stream."""
        return AnswerDecoder(status, source)

    def models(self, after: str | None) -> Question[ModelPage]:
        """See `Codec.models`; the list has one page."""
        return Question("GET", LIST_MODELS.path, _models)

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, source: Source
    ) -> LLMError:
        """The error for an answer whose status is not 2xx."""
        return refusal(status, headers, body, source)


def _models(body: bytes, status: int, source: Source) -> ModelPage:
    return ModelPage(LIST_MODELS.read(body, status, source))
