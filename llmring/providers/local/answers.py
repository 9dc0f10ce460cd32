"""Answers of `local_llm_kit` in the words of `cloud.llm`. Pure."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from cloud.llm.events import (
    Finish,
    ReasoningDelta,
    Start,
    StreamEvent,
    TextDelta,
    ToolCallDelta,
    UsageUpdate,
)
from cloud.llm.types import ChatResponse, ToolCall
from LLM.types import ChatCompletionChunk, ChatCompletionResponse, ChunkChoice


def chat_response(answer: ChatCompletionResponse) -> ChatResponse:
    """A whole answer, by its first choice; `raw` has all of it, log probabilities too."""
    choice, usage = answer.choices[0], answer.usage
    message = choice.message
    return ChatResponse(
        content=message.content or "",
        model=answer.model or "",
        input_tokens=usage.prompt_tokens if usage else 0,
        output_tokens=usage.completion_tokens if usage else 0,
        finish_reason=choice.finish_reason or "",
        tool_calls=[
            ToolCall(call.id or "", call.function.name or "", call.function.arguments or "")
            for call in message.tool_calls or ()
        ],
        # Those of an Ollama server tell it; it is no field of OpenAI's.
        reasoning=getattr(message, "reasoning_content", None),
        refusal=message.refusal,
        parsed=message.parsed,
        raw=answer.model_dump(),
        usage=usage,
        id=answer.id,
    )


def chunk_events(chunk: ChatCompletionChunk, *, is_first: bool) -> Iterator[StreamEvent]:
    """What a chunk of a stream tells, of its first choice.

    :param is_first: whether the answer begins with it.
    """
    if is_first:
        yield Start(chunk.model or "", chunk.id)
    for choice in chunk.choices:
        yield from _choice_events(choice)
    if chunk.usage:
        yield UsageUpdate(chunk.usage)


def _choice_events(choice: ChunkChoice) -> Iterator[StreamEvent]:
    delta: Any = choice.delta
    if thought := getattr(delta, "reasoning_content", None):
        yield ReasoningDelta(thought)
    if delta.content:
        yield TextDelta(delta.content)
    for call in delta.tool_calls or ():
        function = call.function
        yield ToolCallDelta(
            call.index or 0,
            call.id or "",
            (function.name or "") if function else "",
            (function.arguments or "") if function else "",
        )
    if choice.finish_reason:
        yield Finish(choice.finish_reason)
