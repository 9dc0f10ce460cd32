"""Anthropic's Messages API behind the codec that the clients know."""

from __future__ import annotations

from collections.abc import Mapping

from cloud.llm.anthropic.answers import chat_response
from cloud.llm.anthropic.errors import exact
from cloud.llm.anthropic.files import AnthropicFiles
from cloud.llm.anthropic.models import models_page
from cloud.llm.anthropic.requests import request_fields
from cloud.llm.anthropic.stream import AnthropicDecoder
from cloud.llm.codec import ChatCall, WireRequest
from cloud.llm.config import ClientConfig
from cloud.llm.files import FileCodec
from cloud.llm.questions import ModelPage, Question
from cloud.llm.types import ChatResponse
from LLM.attempts import refusal
from LLM.codec import Source, encode_body
from LLM.endpoint import names_version
from LLM.exceptions import LLMAPIError, LLMError

PATH = "/messages"

#: The version that has `temperature`, `top_p` and `top_k`: the next one, 2026-10-21, refuses them.
#: Source: https://platform.claude.com/docs/en/api/versioning
VERSION = "2023-06-01"


class AnthropicCodec:
    """The wire form of Anthropic.

    :param config: the client's settings.
    """

    def __init__(self, config: ClientConfig) -> None:
        url = config.base_url
        self.api_root = url if names_version(url) else url + "/v1"
        self.headers: dict[str, str] = {"anthropic-version": VERSION}
        self.files: FileCodec | None = AnthropicFiles()
        if config.api_key is not None:
            # Documented for all versions; the SDK sends the same key as a bearer token.
            self.headers["x-api-key"] = config.api_key

    def request(self, call: ChatCall) -> WireRequest:
        """:raises InvalidRequestError: Anthropic has no form for it; the message names what."""
        return WireRequest(PATH, encode_body(request_fields(call)))

    def response(self, body: bytes, status: int, source: Source) -> ChatResponse:
        """:raises LLMAPIError: the body holds an error, or cannot be read."""
        return chat_response(body, status, source)

    def decoder(self, status: int, source: Source) -> AnthropicDecoder:
        """A decoder for one stream."""
        return AnthropicDecoder(status, source)

    def models(self, after: str | None) -> Question[ModelPage]:
        """See `Codec.models`."""
        return models_page(after)

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, source: Source
    ) -> LLMError:
        """The error for an answer whose status is not 2xx."""
        failure = refusal(status, headers, body, source)
        return exact(failure) if isinstance(failure, LLMAPIError) else failure
