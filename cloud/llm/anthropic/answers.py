"""Anthropic's whole answers, read. Pure."""

from __future__ import annotations

from typing import Any

from cloud.llm.anthropic.errors import error_inside
from cloud.llm.anthropic.wire import Block, Message, finish_reason, usage_of
from cloud.llm.types import ChatResponse, ToolCall
from LLM.codec import Source, decode_answer, lenient_json
from LLM.exceptions import LLMAPIError, LLMResponseError


def chat_response(body: bytes, status: int, source: Source) -> ChatResponse:
    """The answer in a 2xx body.

    Blocks of the provider's own tools, and of kinds that are not known, are in `raw` alone.

    :raises LLMAPIError: it holds an error, with the class that the error has by itself.
    :raises LLMResponseError: it cannot be read, or answers nothing.
    """
    message = _decoded(body, status, source)
    if not message.content and message.stop_reason is None:
        raise source.error(
            f"answered {status} with a message that holds nothing", status_code=status
        )
    blocks = message.content
    usage, n_input = usage_of(message.usage) if message.usage else (None, 0)
    return ChatResponse(
        content="".join(block.text or "" for block in blocks if block.type == "text"),
        model=message.model or source.model or "",
        input_tokens=n_input,
        output_tokens=usage.completion_tokens if usage else 0,
        finish_reason=finish_reason(message.stop_reason),
        tool_calls=[
            ToolCall(block.id or "", block.name or "", block.input or {})
            for block in blocks
            if block.type == "tool_use"
        ],
        raw=lenient_json(body),
        reasoning="".join(b.thinking or "" for b in blocks if b.type == "thinking") or None,
        thinking_blocks=_thoughts(blocks),
        refusal=message.refusal,
        usage=usage,
        id=message.id,
    )


def _thoughts(blocks: list[Block]) -> list[dict[str, Any]]:
    """The blocks of thought, to be given back; none where nobody signed them."""
    thoughts = [block for block in blocks if block.type in ("thinking", "redacted_thinking")]
    if not any(block.signature or block.data for block in thoughts):
        return []
    return [
        {"type": block.type, "data": block.data}
        if block.data
        else {
            "type": "thinking",
            "thinking": block.thinking or "",
            "signature": block.signature or "",
        }
        for block in thoughts
    ]


def _decoded(body: bytes, status: int, source: Source) -> Message:
    try:
        return decode_answer(Message, body, status, source)
    except LLMResponseError:
        raise
    except LLMAPIError as err:
        told = err.body
    # Out of the handler, for the error below says all that the caught one did, and more exactly.
    raise error_inside(told, status, source)
