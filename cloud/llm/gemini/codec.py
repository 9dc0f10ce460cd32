"""Gemini's `generateContent` and `streamGenerateContent` as requests, answers and events.

Source: https://ai.google.dev/api/generate-content.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any
from urllib.parse import quote

from cloud.llm.codec import ChatCall, WireRequest
from cloud.llm.config import ClientConfig
from cloud.llm.events import ResponseAssembler, StreamEvent
from cloud.llm.files import FileCodec
from cloud.llm.gemini.answers import AnswerReader
from cloud.llm.gemini.errors import exact_error
from cloud.llm.gemini.files import GeminiFiles
from cloud.llm.gemini.models import models_page
from cloud.llm.gemini.requests import request_fields
from cloud.llm.gemini.wire import GenerateContentResponse
from cloud.llm.questions import ModelPage, Question
from cloud.llm.types import ChatResponse
from LLM.attempts import refusal
from LLM.codec import ChunkDecoder, Source, decode_answer, encode_body, lenient_json
from LLM.endpoint import names_version
from LLM.exceptions import InvalidRequestError, LLMAPIError, LLMConfigError, LLMError

#: v1beta has all that v1 has, and besides it the names that end in ``-latest``, previews, and
#: fields that v1 has refused by name (`systemInstruction`, `tools`).
VERSION = "v1beta"


class GeminiCodec:
    """The wire form of Gemini.

    :param config: the client's settings; a `base_url` whose path names a version is used as it is.
    :raises LLMConfigError: the address is that of Google's imitation of OpenAI.
    """

    def __init__(self, config: ClientConfig) -> None:
        url = config.base_url
        if url.endswith("/openai"):
            raise LLMConfigError(
                f"base_url {url!r} speaks OpenAI's language; stop before /openai, or take "
                "OpenAICompatClient"
            )
        self.api_root = url if names_version(url) else f"{url}/{VERSION}"
        self.files: FileCodec | None = GeminiFiles(self.api_root)
        # Never in the URL, where Google would also take it: URLs are logged.
        self.headers = {} if config.api_key is None else {"x-goog-api-key": config.api_key}

    def request(self, call: ChatCall) -> WireRequest:
        """:raises InvalidRequestError: Gemini has no form for a part of the call."""
        method = "streamGenerateContent?alt=sse" if call.stream else "generateContent"
        path = f"/{_resource(call.model)}:{method}"
        return WireRequest(path, encode_body(request_fields(call, self.api_root)))

    def response(self, body: bytes, status: int, source: Source) -> ChatResponse:
        """:raises LLMAPIError: the body holds an error, or cannot be read."""
        try:
            answer = decode_answer(GenerateContentResponse, body, status, source)
        except LLMAPIError as err:
            failure = exact_error(err)
        else:
            return _response(answer, body, status, source)
        raise failure

    def decoder(self, status: int, source: Source) -> GeminiDecoder:
        """A decoder for one stream."""
        return GeminiDecoder(status, source)

    def models(self, after: str | None) -> Question[ModelPage]:
        """See `Codec.models`; those that chat."""
        return models_page(after)

    def refusal(
        self, status: int, headers: Mapping[str, str], body: bytes, source: Source
    ) -> LLMError:
        """The error for an answer whose status is not 2xx."""
        error = refusal(status, headers, body, source)
        return exact_error(error) if isinstance(error, LLMAPIError) else error


class GeminiDecoder:
    """Decodes one stream. Of several candidates, the first is told.

    The API marks no end: a stream is complete when its bytes end after a finish reason.
    """

    def __init__(self, status: int, source: Source) -> None:
        self._chunks = ChunkDecoder(GenerateContentResponse, status, source)
        self._reader = AnswerReader(status, source)
        self._status = status
        self._source = source

    @property
    def done(self) -> bool:
        """Whether ``[DONE]`` has arrived, which proxies in OpenAI's manner send."""
        return self._chunks.done

    def feed(self, data: bytes) -> Iterator[StreamEvent]:
        """Take the next bytes. :return: the events that they complete.

        :raises LLMAPIError: an event holds an error, or cannot be read.
        """
        return self._events(self._chunks.feed(data))

    def finish(self) -> Iterator[StreamEvent]:
        """The bytes have ended.

        :raises LLMResponseError: the stream was cut short, or was none.
        """
        return self._events(self._chunks.finish(lambda: self._reader.finished))

    def _events(self, answers: Iterator[GenerateContentResponse]) -> Iterator[StreamEvent]:
        try:
            for answer in answers:
                yield from self._reader.events(answer)
        except LLMAPIError as err:
            failure = exact_error(err)
        else:
            if not self._chunks.done or self._reader.finished:
                return
            failure = self._source.cut_short(self._status, "[DONE] came before a finish reason")
        raise failure


def _resource(model: Any) -> str:
    """The model's place in the API's path; no name leads out of it.

    :raises InvalidRequestError: `model` is no name.
    """
    kind, slash, name = str(model).partition("/")
    if kind not in ("models", "tunedModels") or not slash:
        kind, name = "models", model
    try:
        if name and isinstance(model, str):
            return f"{kind}/{quote(name, safe='')}"
        problem = f"model is {model!r}"
    except UnicodeEncodeError:
        problem = "model holds a lone surrogate, which UTF-8 cannot carry"
    raise InvalidRequestError(f"{problem}; give a name such as 'gemini-3.8-flash'")


def _response(
    answer: GenerateContentResponse, body: bytes, status: int, source: Source
) -> ChatResponse:
    """The whole answer, made as a stream's is: of the events that it comes to."""
    reader = AnswerReader(status, source)
    assembler = ResponseAssembler(source.model or "")
    for event in reader.events(answer):
        assembler.add(event)
    response = assembler.response()
    if response is None or not (reader.finished or reader.has_content):
        raise source.error(
            f"answered {status} without an answer: "
            + ("the candidate is empty" if reader.answered else "there are no candidates"),
            status_code=status,
        )
    response.finish_reason = response.finish_reason or "stop"
    response.raw = lenient_json(body)
    return response
