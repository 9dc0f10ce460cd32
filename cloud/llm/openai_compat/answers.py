"""OpenAI's whole answers, read, and what its streams have in common with them. Pure.

Source: https://platform.openai.com/docs/api-reference/chat/object; reasoning text as DeepSeek, vLLM
(`reasoning_content`) and OpenRouter (`reasoning`) send it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cloud.llm.types import ChatResponse, ToolCall
from LLM.codec import Source, decode_answer, lenient_json, raise_error_inside
from LLM.types import ChatCompletionResponse, Choice, ChunkChoice, ResponseMessage


def chat_response(body: bytes, status: int, source: Source) -> ChatResponse:
    """The answer in a 2xx body. Of several choices, the first; `raw` has all.

    :raises LLMAPIError: it holds an error, or cannot be read.
    """
    answer = decode_answer(ChatCompletionResponse, body, status, source)
    choice, usage = answer.choices[0], answer.usage
    check_choice(choice, status, source)
    message, calls = choice.message, _calls(choice.message)
    return ChatResponse(
        content=message.content or "",
        model=answer.model or source.model or "",
        input_tokens=usage.prompt_tokens if usage else 0,
        output_tokens=usage.completion_tokens if usage else 0,
        finish_reason=choice.finish_reason or unsaid_reason(calls),
        tool_calls=calls,
        raw=lenient_json(body),
        reasoning=reasoning_in(message.__pydantic_extra__) or None,
        refusal=message.refusal,
        usage=usage,
        id=answer.id,
    )


def _calls(message: ResponseMessage) -> list[ToolCall]:
    calls = [
        ToolCall(
            call.id,
            call.function.name,
            call.function.arguments,
            extra_content(call.__pydantic_extra__),
        )
        for call in message.tool_calls or ()
    ]
    if message.function_call and not calls:
        calls = [ToolCall("", message.function_call.name, message.function_call.arguments)]
    return calls


def reasoning_in(extra: Mapping[str, Any] | None) -> str:
    """What the model thought, out of the unknown fields of its message or of a piece of it."""
    for name in ("reasoning_content", "reasoning"):
        value = (extra or {}).get(name)
        if isinstance(value, str) and value:
            return value
    return ""


def extra_content(extra: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What Google wants back with a call, out of the call's unknown fields."""
    found = (extra or {}).get("extra_content")
    return found if isinstance(found, dict) else None


def check_choice(choice: Choice | ChunkChoice, status: int, source: Source) -> None:
    """:raises LLMAPIError: the choice holds an error, as OpenRouter's do when a provider fails."""
    extra = choice.__pydantic_extra__
    if extra and extra.get("error"):
        raise_error_inside(extra, status, source)


def unsaid_reason(calls: Sequence[Any]) -> str:
    """The finish reason of a complete answer that names none."""
    return "tool_calls" if calls else "stop"
