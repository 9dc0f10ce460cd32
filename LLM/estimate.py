"""What a call uses by the bytes sent and received, where the server does not tell its tokens."""

from __future__ import annotations

import re
from typing import Any

from LLM.types import AnyResponse, CompletionResponse, EmbeddingsResponse, ResponsesResponse, Usage
from LLM.usage import estimate_tokens

# An image or a file inside a message.
_DATA_URL = re.compile(rb'(?<=")data:[^"\\]*')


class EstimatedUsage(Usage):
    """Usage that the server did not tell."""


def expected_tokens(body: bytes, fields: dict[str, Any]) -> int:
    """What a call will about use, as far as can be told: prompt, and output if bounded."""
    wanted = fields.get("max_tokens") or fields.get("max_completion_tokens") or 0
    bound = max(wanted, 0) if isinstance(wanted, int) else 0
    return estimate_tokens(_prompt_bytes(body)) + bound


def estimated_usage(body: bytes, response: AnyResponse | None) -> EstimatedUsage:
    """What a call used.

    :param body: the request's body.
    :param response: its answer, as far as it arrived; None when nothing of it did.
    """
    prompt = estimate_tokens(_prompt_bytes(body))
    completion = estimate_tokens(_answer_bytes(response)) if response is not None else 0
    return EstimatedUsage(
        prompt_tokens=prompt, completion_tokens=completion, total_tokens=prompt + completion
    )


def _answer_bytes(response: AnyResponse) -> int:
    """UTF-8 bytes of everything that the model wrote: text, reasoning, tool calls."""
    if isinstance(response, EmbeddingsResponse):
        return 0
    if isinstance(response, ResponsesResponse):
        return sum(_text_bytes(item) for item in response.output)
    if isinstance(response, CompletionResponse):
        return sum(len(choice.text.encode()) for choice in response.choices)
    size = 0
    for choice in response.choices:
        message = choice.message
        calls = [call.function for call in message.tool_calls or ()]
        texts = [message.content, message.refusal, *(c.name + c.arguments for c in calls)]
        texts += [value for value in (message.model_extra or {}).values() if isinstance(value, str)]
        size += sum(len(text.encode()) for text in texts if text)
    return size


def _text_bytes(item: Any) -> int:
    """UTF-8 bytes of the texts in JSON, names of its kinds and ids among them."""
    if isinstance(item, str):
        return len(item.encode())
    parts = item.values() if isinstance(item, dict) else item if isinstance(item, list) else ()
    return sum(map(_text_bytes, parts))


def _prompt_bytes(body: bytes) -> int:
    """Bytes of a request that are text: an image inside is no million tokens."""
    return len(_DATA_URL.sub(b"", body)) if b'"data:' in body else len(body)
