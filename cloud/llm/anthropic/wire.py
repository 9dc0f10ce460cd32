"""What Anthropic answers, as pydantic models, and what it comes to in OpenAI's words.

Source: Message, Usage and StopReason of anthropic 2.12, and
https://platform.claude.com/docs/en/build-with-claude/handling-stop-reasons.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Self

from pydantic import Field, model_validator

from LLM.json_size import MAX_PARTS
from LLM.repair import validate_repaired
from LLM.types import OpenAIModel, TokenCount, Usage

# pause_turn stays as it is, for no reason of OpenAI's says that the turn is to be sent back as it
# is, so that the provider goes on with it.
_FINISH_REASONS = {
    "end_turn": "stop",
    "stop_sequence": "stop",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
    "tool_use": "tool_calls",
    "refusal": "content_filter",
}


def finish_reason(stop_reason: str | None) -> str:
    """A stop reason in OpenAI's words; none is a plain end, an unknown one stays as it is."""
    return _FINISH_REASONS.get(stop_reason, stop_reason) if stop_reason else "stop"


class StopDetails(OpenAIModel):
    """Why the model was stopped, in words; only a refusal has them so far."""

    type: str | None = None
    explanation: str | None = None

    @property
    def refusal(self) -> str | None:
        """Why the model refused to answer; None when it did not, or did not say."""
        return (self.explanation or None) if self.type == "refusal" else None


class Block(OpenAIModel):
    """A block of an answer's content. Only what its kind needs is required."""

    type: str
    text: str | None = None
    thinking: str | None = None
    signature: str | None = None
    data: str | None = None
    id: str | None = None
    name: str | None = None
    input: Any = None

    @model_validator(mode="after")
    def _has_what_its_kind_needs(self) -> Self:
        needed = {"text": self.text, "tool_use": self.name}.get(self.type, "")
        if needed is None:
            raise ValueError(f"a {self.type} block without its content")
        return self


class Message(OpenAIModel):
    """An answer of ``/v1/messages``."""

    id: str | None = None
    model: str | None = None
    content: list[Block] = Field(max_length=MAX_PARTS)
    stop_reason: str | None = None
    stop_details: StopDetails | None = None
    usage: dict[str, Any] | None = None

    @property
    def refusal(self) -> str | None:
        """Why the model refused to answer; None when it did not, or did not say."""
        return self.stop_details.refusal if self.stop_details else None


class _OutputDetails(OpenAIModel):
    thinking_tokens: TokenCount = 0


class _Counts(OpenAIModel):
    input_tokens: TokenCount = 0
    output_tokens: TokenCount = 0
    cache_creation_input_tokens: TokenCount = 0
    cache_read_input_tokens: TokenCount = 0
    output_tokens_details: _OutputDetails | None = None


#: Counts that OpenAI's shape has by other names.
_RENAMED = frozenset({"input_tokens", "output_tokens", "output_tokens_details"})


def usage_of(told: Mapping[str, Any]) -> tuple[Usage, int]:
    """Token counts in OpenAI's shape, and those of the prompt as Anthropic counts them.

    Anthropic's `input_tokens` are those that it neither read from its cache nor wrote to it; in
    OpenAI's shape they are all there. What else it tells (`cache_creation_input_tokens`,
    `cache_creation` by lifetime, `server_tool_use`, `service_tier`) is kept as further fields.
    """
    # Repairing writes into what it is given.
    counts = validate_repaired(_Counts, dict(told))
    read, written = counts.cache_read_input_tokens, counts.cache_creation_input_tokens
    n_prompt = counts.input_tokens + read + written
    details = counts.output_tokens_details
    usage = Usage.model_validate(
        {
            **{name: value for name, value in told.items() if name not in _RENAMED},
            "cache_read_input_tokens": read,
            "cache_creation_input_tokens": written,
            "prompt_tokens": n_prompt,
            "completion_tokens": counts.output_tokens,
            "total_tokens": n_prompt + counts.output_tokens,
            "prompt_tokens_details": {"cached_tokens": read},
            "completion_tokens_details": details and {"reasoning_tokens": details.thinking_tokens},
        }
    )
    return usage, counts.input_tokens
