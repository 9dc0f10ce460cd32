"""What providers answer, in the ring's words. Pure."""

from __future__ import annotations

from typing import Any

from cloud.llm.types import ChatResponse, ToolCall
from LLM.types import Usage
from llmring.schemas import LLMResponse


def usage_dict(usage: Usage | None) -> dict[str, Any] | None:
    """Token counts in OpenAI's words, those of the provider's own beside them; None for none."""
    return None if usage is None else usage.model_dump(exclude_none=True)


def tool_call_dicts(calls: list[ToolCall]) -> list[dict[str, Any]] | None:
    """Tool calls as OpenAI has them; None for none."""
    return [call.to_openai() for call in calls] or None


def llm_response(
    response: ChatResponse,
    model: str,
    usage: dict[str, Any] | None,
    parsed: Any,
    attempts: list[dict[str, Any]],
) -> LLMResponse:
    """An answer in the ring's words.

    :param model: ``provider:model`` that was asked.
    :param usage: token counts, priced.
    """
    # Unchecked, for all of it is ours: checking takes longer than all the rest.
    return LLMResponse.model_construct(
        content=response.content,
        model=model,
        usage=usage,
        finish_reason=response.finish_reason,
        tool_calls=tool_call_dicts(response.tool_calls),
        parsed=parsed,
        reasoning=response.reasoning,
        attempts=attempts,
    )
