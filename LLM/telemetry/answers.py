"""What an answer tells, as the attributes that a span ends with. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from LLM.secrets import Secrets, scrub_text
from LLM.telemetry import names
from LLM.telemetry.asked import Attributes, short, shorts
from LLM.types import (
    AnyResponse,
    Choice,
    CompletionChoice,
    EmbeddingsResponse,
    ResponsesResponse,
    Usage,
)

#: Messages in OpenAI's words, each with the reason of its end.
Output = list[tuple[dict[str, Any], str]]


@dataclass(frozen=True, slots=True)
class Told:
    """An answer as far as telemetry tells of it.

    :param id: the provider's id of it.
    :param model: the model that answered.
    :param finish_reasons: of each choice, in OpenAI's words.
    :param usage: the provider's own counts; None where it told none.
    :param output: gives what was said; called only where content is captured.
    :param dimensions: numbers of an embedding.
    :param service_tier: OpenAI's tier that it was made in.
    :param fingerprint: OpenAI's `system_fingerprint`.
    """

    id: str | None = None
    model: str | None = None
    finish_reasons: Sequence[str] = ()
    usage: Usage | None = None
    output: Callable[[], Output] | None = field(default=None, repr=False)
    dimensions: int | None = None
    service_tier: Any = None
    fingerprint: Any = None


def openai_told(response: AnyResponse | None) -> Told:
    """An answer in OpenAI's shape; None where nothing of it arrived."""
    if response is None:
        return Told()
    if isinstance(response, EmbeddingsResponse):
        return Told(
            id=response.id,
            model=response.model,
            usage=response.usage,
            dimensions=_dimensions(response.data[0].get("embedding")),
        )
    if isinstance(response, ResponsesResponse):
        return Told(id=response.id, model=response.model, usage=response.usage)
    choices: Sequence[Choice | CompletionChoice] = response.choices

    def output() -> Output:
        return [(_message(choice), choice.finish_reason or "") for choice in choices]

    return Told(
        id=response.id,
        model=response.model,
        finish_reasons=[choice.finish_reason for choice in choices if choice.finish_reason],
        usage=response.usage,
        output=output,
        service_tier=getattr(response, "service_tier", None),
        fingerprint=response.system_fingerprint,
    )


def _dimensions(embedding: Any) -> int:
    """Numbers of an embedding: a list, or the base64 of as many floats of four bytes."""
    if isinstance(embedding, str):
        return (len(embedding) * 3 // 4 - embedding[-2:].count("=")) // 4
    return len(embedding) if isinstance(embedding, list) else 0


def _message(choice: Choice | CompletionChoice) -> dict[str, Any]:
    if isinstance(choice, Choice):
        return choice.message.to_dict()
    return {"role": "assistant", "content": choice.text}


def answer_attributes(told: Told, provider: str, secret: Secrets) -> Attributes:
    """What a span ends with. What servers write is cut, and keys that they echo are masked."""
    found: Attributes = {}
    for name, value in (
        (names.RESPONSE_ID, told.id),
        (names.RESPONSE_MODEL, told.model),
        (names.OPENAI_RESPONSE_SERVICE_TIER, told.service_tier if provider == "openai" else None),
        (names.OPENAI_RESPONSE_FINGERPRINT, told.fingerprint if provider == "openai" else None),
    ):
        if isinstance(value, str) and value:
            found[name] = short(scrub_text(value, secret))
    if told.finish_reasons:
        found[names.RESPONSE_FINISH_REASONS] = [
            scrub_text(reason, secret) for reason in shorts(told.finish_reasons)
        ]
    if told.dimensions is not None:
        found[names.EMBEDDINGS_DIMENSION_COUNT] = told.dimensions
    if told.usage is not None:
        found |= usage_attributes(told.usage, has_output=told.dimensions is None)
    return found


def usage_attributes(usage: Usage, *, has_output: bool = True) -> Attributes:
    """The counts of tokens; those that the provider did not tell are left out."""
    prompt, completion = usage.prompt_tokens_details, usage.completion_tokens_details
    counts: Attributes = {
        names.USAGE_INPUT_TOKENS: usage.prompt_tokens,
        names.USAGE_OUTPUT_TOKENS: usage.completion_tokens if has_output else None,
        names.USAGE_CACHE_READ: prompt.cached_tokens if prompt else None,
        # Anthropic's own word, which its codec keeps.
        names.USAGE_CACHE_CREATION: (usage.model_extra or {}).get("cache_creation_input_tokens"),
        names.USAGE_REASONING: completion.reasoning_tokens if completion else None,
    }
    return {name: count for name, count in counts.items() if isinstance(count, int)}
