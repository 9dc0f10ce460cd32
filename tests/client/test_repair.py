"""What is odd in an answer's details is mended; what makes it an answer is not invented."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from LLM.repair import validate_repaired
from LLM.types import ChatCompletionChunk, ChatCompletionResponse

USAGE = {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5}


def choice(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, **fields}]}


MENDED_CHUNKS = {
    "azure-note": choice(content_filter_results={}, content_filter_offsets={"check_offset": 44}),
    "azure-end": choice(content_filter_results={}, finish_reason="content_filter"),
    "null-delta": choice(delta=None),
    "null-choices": {"choices": None, "usage": USAGE},
    "missing-choices": {"usage": USAGE},
    "number-as-id": {"id": 5, **choice(delta={})},
}


@pytest.mark.parametrize("chunk", MENDED_CHUNKS.values(), ids=MENDED_CHUNKS)
def test_odd_chunks_are_mended(chunk: dict[str, Any]) -> None:
    mended = validate_repaired(ChatCompletionChunk, chunk)
    assert all(one.delta.content is None for one in mended.choices)


HOPELESS = {
    "no-delta": choice(),
    "null-choices": {"choices": None},
    "no-choices": {},
    "number": choice(delta={"content": 5}),
    "list-of-text": choice(delta={"content": ["x"]}),
    "unknown-parts": choice(delta={"content": [{"type": "image"}]}),
}


@pytest.mark.parametrize("chunk", HOPELESS.values(), ids=HOPELESS)
def test_what_is_no_chunk_is_not_made_one(chunk: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        validate_repaired(ChatCompletionChunk, chunk)


def test_usage_alone_is_no_whole_answer() -> None:
    with pytest.raises(ValidationError):
        validate_repaired(ChatCompletionResponse, {"choices": None, "usage": USAGE})


def test_thoughts_among_content_parts_are_told_as_reasoning() -> None:
    thought = {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}, {"type": "x"}]}
    content = [thought, {"type": "text", "text": "5"}]
    answer = validate_repaired(ChatCompletionResponse, choice(message={"content": content}))
    message = answer.choices[0].message
    assert (message.content, message.model_extra) == ("5", {"reasoning_content": "Hm"})
