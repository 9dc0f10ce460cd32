"""Whether a body is the answer that its request asked for, and what it tells of itself. Pure."""

from __future__ import annotations

from typing import Any

from pydantic import Field

from LLM.batch.types import BatchURL
from LLM.codec import Source, decode_answer
from LLM.types import (
    ChatCompletionResponse,
    CompletionResponse,
    OpenAIModel,
    TokenCount,
    Usage,
)


class _Embeddings(OpenAIModel):
    # What each holds is not looked at: it may be numbers or base64, and there may be millions.
    data: list[Any] = Field(min_length=1)
    model: str | None = None
    usage: Usage | None = None


class _ResponsesUsage(OpenAIModel):
    input_tokens: TokenCount = 0
    output_tokens: TokenCount = 0
    total_tokens: TokenCount = 0


class _Response(OpenAIModel):
    output: list[Any]
    model: str | None = None
    usage: _ResponsesUsage | None = None


_SHAPES: dict[BatchURL, type[OpenAIModel]] = {
    "/v1/chat/completions": ChatCompletionResponse,
    "/v1/completions": CompletionResponse,
    "/v1/embeddings": _Embeddings,
    "/v1/responses": _Response,
}


def checked_answer(
    url: BatchURL, body: bytes, status: int, source: Source
) -> tuple[str | None, Usage | None]:
    """The model that has answered, and its tokens.

    :raises LLMAPIError: the body holds an error, or is no answer to `url`.
    """
    answer: Any = decode_answer(_SHAPES[url], body, status, source)
    usage = answer.usage
    if isinstance(usage, _ResponsesUsage):
        usage = Usage(
            prompt_tokens=usage.input_tokens,
            completion_tokens=usage.output_tokens,
            total_tokens=usage.total_tokens,
        )
    return answer.model or source.model, usage
