"""OpenAI's chat completions behind the codec that the clients know.

Source: https://platform.openai.com/docs/api-reference/chat.
"""

from __future__ import annotations

from collections.abc import Mapping

from cloud.llm.codec import ChatCall, WireRequest, placed
from cloud.llm.config import ClientConfig
from cloud.llm.files import FileCodec
from cloud.llm.openai_compat.answers import chat_response
from cloud.llm.openai_compat.files import OpenAIFiles
from cloud.llm.openai_compat.messages import Dialect
from cloud.llm.openai_compat.stream import OpenAIDecoder
from cloud.llm.questions import ModelPage, Question
from cloud.llm.types import ChatResponse
from LLM.attempts import refusal
from LLM.codec import Source, decode_answer, encode_body
from LLM.endpoint import names_version
from LLM.exceptions import LLMError
from LLM.headers import bearer
from LLM.types import ModelsResponse

PATH = "/chat/completions"


class OpenAICodec:
    """The wire form of OpenAI and its imitators.

    :param config: the client's settings.
    """

    def __init__(self, config: ClientConfig) -> None:
        url = config.base_url
        self.api_root = url if names_version(url) else url + "/v1"
        self.headers = bearer(config.api_key)
        self._dialect = Dialect(url)
        self._stream_usage = config.stream_usage
        self.files: FileCodec | None = OpenAIFiles()

    def request(self, call: ChatCall) -> WireRequest:
        """:raises InvalidRequestError: a value has no JSON form."""
        dialect = self._dialect
        limit = "max_completion_tokens" if dialect.is_openai else "max_tokens"
        fields = {
            "model": call.model,
            "messages": dialect.messages(placed(call.messages, call.has_system)),
            "temperature": call.temperature,
            limit: call.max_tokens,
            "tools": dialect.tools(call.tools),
            "tool_choice": call.tool_choice,
            "response_format": call.response_format,
            **call.extra,
        }
        if call.stream:
            fields["stream"] = True
            if self._stream_usage:
                fields.setdefault("stream_options", {"include_usage": True})
        return WireRequest(PATH, encode_body(fields))

    def response(self, body: bytes, status: int, source: Source) -> ChatResponse:
        """:raises LLMAPIError: the body holds an error, or cannot be read."""
        return chat_response(body, status, source)

    def decoder(self, status: int, source: Source) -> OpenAIDecoder:
        """A decoder for one stream."""
        return OpenAIDecoder(status, source)

    def models(self, after: str | None) -> Question[ModelPage]:
        """See `Codec.models`; the list has one page."""
        return Question("GET", "/models", _models)

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, source: Source
    ) -> LLMError:
        """The error for an answer whose status is not 2xx."""
        return refusal(status, headers, body, source)


def _models(body: bytes, status: int, source: Source) -> ModelPage:
    answer = decode_answer(ModelsResponse, body, status, source)
    return ModelPage([model.id for model in answer.data])
