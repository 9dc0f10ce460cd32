"""What an SDK's answer tells of the call: provider, model, tokens. Pure.

Answers are known by their fields, so no SDK is imported and dicts do as well: those of OpenAI (chat
and responses), Anthropic, Google, Ollama, llmring. Of a stream each chunk is read; what a later one
tells stands in place of what an earlier one has told.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

#: Top packages of the SDKs, and their providers. Many servers speak by OpenAI's.
_SDKS = {"openai": "openai", "anthropic": "anthropic", "google": "google", "ollama": "ollama"}
#: Whose answer has a field.
_SIGNS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("usage_metadata",), "google"),
    (("usageMetadata",), "google"),
    (("stop_reason",), "anthropic"),
    (("message", "usage"), "anthropic"),
    (("choices",), "openai"),
    (("prompt_eval_count",), "ollama"),
)
# The names of the counts, by provider's language, in the words of OpenAI's chat.
_COUNTS: dict[str, tuple[tuple[str, ...], ...]] = {
    "prompt_tokens": (
        ("usage", "prompt_tokens"),
        ("usage", "input_tokens"),
        ("message", "usage", "input_tokens"),
        ("usage_metadata", "prompt_token_count"),
        ("usageMetadata", "promptTokenCount"),
        ("prompt_eval_count",),
    ),
    "completion_tokens": (
        ("usage", "completion_tokens"),
        ("usage", "output_tokens"),
        ("message", "usage", "output_tokens"),
        ("usage_metadata", "candidates_token_count"),
        ("usageMetadata", "candidatesTokenCount"),
        ("eval_count",),
    ),
    "cached_tokens": (
        ("usage", "prompt_tokens_details", "cached_tokens"),
        ("usage", "input_tokens_details", "cached_tokens"),
        ("usage", "cached_tokens"),
        ("usage_metadata", "cached_content_token_count"),
        ("usageMetadata", "cachedContentTokenCount"),
    ),
    # Anthropic tells these beside the input, Google its thoughts beside the answer.
    "cache_read_input_tokens": (
        ("usage", "cache_read_input_tokens"),
        ("message", "usage", "cache_read_input_tokens"),
    ),
    "cache_creation_input_tokens": (
        ("usage", "cache_creation_input_tokens"),
        ("message", "usage", "cache_creation_input_tokens"),
    ),
    "thoughts": (
        ("usage_metadata", "thoughts_token_count"),
        ("usageMetadata", "thoughtsTokenCount"),
    ),
}
_MODELS: tuple[tuple[str, ...], ...] = (
    ("model",),
    ("message", "model"),
    ("model_version",),
    ("modelVersion",),
)


@dataclass(slots=True)
class CallFacts:
    """What is known of a call.

    :param counts: of tokens, in the words of `_COUNTS`.
    """

    provider: str | None = None
    model: str | None = None
    counts: dict[str, int] = field(default_factory=dict)
    # Whether what was cached does not count among the prompt's tokens.
    _prompt_is_rest: bool = False

    def read(self, answer: Any) -> None:
        """Take in what an answer, or a chunk of one, tells."""
        self.provider = self.provider or _provider(answer)
        for path in _MODELS:
            if isinstance(name := _at(answer, path), str) and name:
                self.model = name
                break
        for count, paths in _COUNTS.items():
            for path in paths:
                number = _at(answer, path)
                if isinstance(number, int) and not isinstance(number, bool) and number >= 0:
                    self.counts[count] = number
                    if count == "prompt_tokens":
                        # Anthropic's word; OpenAI's responses have it too, and nothing beside it.
                        self._prompt_is_rest = path[-1] == "input_tokens"
                    break

    @property
    def usage(self) -> dict[str, int] | None:
        """The counts as the ring has them; None where none were told."""
        if not self.counts:
            return None
        counts = dict(self.counts)
        thoughts = counts.pop("thoughts", 0)
        read = counts.get("cache_read_input_tokens", 0)
        if self._prompt_is_rest:
            beside = read + counts.get("cache_creation_input_tokens", 0)
            counts["prompt_tokens"] = counts.get("prompt_tokens", 0) + beside
            counts["cached_tokens"] = read or counts.get("cached_tokens", 0)
        written = counts.get("completion_tokens", 0) + thoughts
        counts["completion_tokens"] = written
        if thoughts:
            counts["reasoning_tokens"] = thoughts
        counts["total_tokens"] = counts.get("prompt_tokens", 0) + written
        return counts


def _provider(answer: Any) -> str | None:
    model = _at(answer, ("model",))
    package = type(answer).__module__.partition(".")[0]
    if package == "llmring" and isinstance(model, str) and ":" in model:
        return model.partition(":")[0]
    if package in _SDKS:
        return _SDKS[package]
    return next((name for sign, name in _SIGNS if _at(answer, sign) is not None), None)


def _at(value: Any, path: tuple[str, ...]) -> Any:
    """What stands at a path of fields or keys; None for nothing."""
    for name in path:
        value = value.get(name) if isinstance(value, Mapping) else getattr(value, name, None)
        if value is None:
            return None
    return value
