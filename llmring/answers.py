"""What providers answer, in the ring's words. Pure."""

from __future__ import annotations

from typing import Any

from cloud.llm.types import ChatResponse
from LLM.types import Usage
from llmring.schemas import LLMResponse

# Counts that are told beside the details in which they are.
_TOLD_FLAT = (
    ("prompt_tokens_details", "cached_tokens"),
    ("completion_tokens_details", "reasoning_tokens"),
)


def usage_dict(usage: Usage | None) -> dict[str, Any]:
    """Token counts in OpenAI's words, those of the provider's own beside them; empty for none.

    What was read from a cache and what was thought is told beside the details, too, where it is not
    zero. Details that are all zero are left out.
    """
    if usage is None:
        return {}
    told = {
        name: value
        for name, value in usage.model_dump(exclude_none=True).items()
        if not isinstance(value, dict) or any(value.values())
    }
    for details, count in _TOLD_FLAT:
        if found := told.get(details, {}).get(count):
            told[count] = found
    return told


def llm_response(
    response: ChatResponse,
    model: str,
    usage: dict[str, Any],
    parsed: Any,
    attempts: list[dict[str, Any]],
) -> LLMResponse:
    """An answer in the ring's words.

    :param model: ``provider:model`` that was asked.
    :param usage: token counts, priced.
    """
    return LLMResponse(
        # A stream tells a refusal as text as well.
        content=response.content + (response.refusal or ""),
        model=model,
        usage=usage,
        finish_reason=response.finish_reason,
        tool_calls=[call.to_openai() for call in response.tool_calls] or None,
        parsed=parsed,
        reasoning=response.reasoning,
        thinking_blocks=response.thinking_blocks or None,
        attempts=attempts,
        raw=response.raw,
    )
