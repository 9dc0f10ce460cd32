"""Answers of OpenAI's chat API, whole and in chunks, as its SDK's types have them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

ID = "chatcmpl-C8xYq2V6LrTnD0aPpJ4hVd3mSgkQw"
MODEL = "gpt-4o-2024-08-06"
USAGE = {
    "prompt_tokens": 19,
    "completion_tokens": 10,
    "total_tokens": 29,
    "prompt_tokens_details": {"cached_tokens": 0, "audio_tokens": 0},
    "completion_tokens_details": {
        "reasoning_tokens": 0,
        "audio_tokens": 0,
        "accepted_prediction_tokens": 0,
        "rejected_prediction_tokens": 0,
    },
}


def plain(
    content: Any = None, finish: str | None = "stop", *, usage: Any = USAGE, **message: Any
) -> dict[str, Any]:
    """A whole answer of OpenAI's."""
    return {
        "id": ID,
        "object": "chat.completion",
        "created": 1_762_000_000,
        "model": MODEL,
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": content,
                    "refusal": None,
                    "annotations": [],
                    **message,
                },
                "logprobs": None,
                "finish_reason": finish,
            }
        ],
        "usage": usage,
        "service_tier": "default",
        "system_fingerprint": "fp_07871e2ad8",
    }


def chunk(finish: str | None = None, **delta: Any) -> dict[str, Any]:
    """A chunk of OpenAI's, as it sends them when usage was asked for."""
    return {
        "id": ID,
        "object": "chat.completion.chunk",
        "created": 1_762_000_000,
        "model": MODEL,
        "service_tier": "default",
        "system_fingerprint": "fp_07871e2ad8",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish}],
        "usage": None,
        "obfuscation": "Xk3v",
    }


def usage_chunk(usage: Mapping[str, Any] = USAGE) -> dict[str, Any]:
    return {**chunk(), "choices": [], "usage": usage, "obfuscation": ""}


def sse(*events: Any) -> bytes:
    """An event stream. An event that is no bytes is sent as JSON, as OpenAI writes it."""
    lines = [
        e
        if isinstance(e, bytes)
        else b"data: " + json.dumps(e, ensure_ascii=False, separators=(",", ":")).encode() + b"\n\n"
        for e in events
    ]
    return b"".join(lines)


DONE = b"data: [DONE]\n\n"
ROLE = chunk(role="assistant", content="", refusal=None)


def text_stream(*texts: str, finish: str = "stop", usage: Mapping[str, Any] = USAGE) -> bytes:
    pieces = [chunk(content=text) for text in texts]
    return sse(ROLE, *pieces, chunk(finish), usage_chunk(usage), DONE)


def call_piece(index: int | None, **fields: Any) -> dict[str, Any]:
    """A chunk with a piece of a tool call."""
    piece = fields if index is None else {"index": index, **fields}
    return chunk(tool_calls=[piece])


def call(id: str, name: str, arguments: str) -> dict[str, Any]:
    return {"id": id, "type": "function", "function": {"name": name, "arguments": arguments}}


def first(index: int | None, id: str, name: str, arguments: str = "") -> dict[str, Any]:
    """The first piece of a tool call."""
    return call_piece(index, **call(id, name, arguments))


def more(index: int | None, arguments: str) -> dict[str, Any]:
    """A further piece of a tool call."""
    return call_piece(index, function={"arguments": arguments})


def error(message: str, type: str | None, code: Any = None, param: Any = None) -> dict[str, Any]:
    return {"error": {"message": message, "type": type, "param": param, "code": code}}


#: Arguments, and two calls with them.
PARIS, ROME = '{"location":"Paris, France"}', '{"location":"Rome, Italy"}'
TWO_CALLS = [call("call_62136354", "get_weather", PARIS), call("call_62136355", "time", ROME)]


def like(answer: Any, **fields: Any) -> Any:
    """`answer`, or each event of a stream, with other top-level fields; None takes one away."""
    if isinstance(answer, list):
        return [e if isinstance(e, bytes) else like(e, **fields) for e in answer]
    merged = {**answer, **fields}
    return {name: value for name, value in merged.items() if value is not None}


def choice_of(answer: dict[str, Any], **fields: Any) -> dict[str, Any]:
    """`answer` with further fields of its choice."""
    return {**answer, "choices": [{**answer["choices"][0], **fields}]}
