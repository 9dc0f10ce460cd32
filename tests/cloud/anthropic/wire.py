"""Anthropic's answers and streams, as its documentation and the types of its SDK have them.

Source: https://platform.claude.com/docs/en/build-with-claude/streaming; Message,
RawMessageStreamEvent and MessageDeltaUsage of anthropic 2.12.
"""

from __future__ import annotations

import json
from typing import Any

MODEL = "claude-sonnet-4-20250514"

#: Told when a message begins: the prompt is counted, of the answer the first token.
USAGE = {
    "input_tokens": 25,
    "cache_creation_input_tokens": 0,
    "cache_read_input_tokens": 0,
    "cache_creation": {"ephemeral_5m_input_tokens": 0, "ephemeral_1h_input_tokens": 0},
    "output_tokens": 15,
    "service_tier": "standard",
}


def text(text: str, **fields: Any) -> dict[str, Any]:
    return {"type": "text", "text": text, **fields}


def thinking(thought: str, signature: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": thought, "signature": signature}


def tool_use(call_id: str, name: str, arguments: dict[str, Any]) -> dict[str, Any]:
    return {"type": "tool_use", "id": call_id, "name": name, "input": arguments}


def message(*blocks: dict[str, Any], stop: str | None = "end_turn", **fields: Any) -> Any:
    """An answer given whole."""
    return {
        "id": "msg_013Zva2CMHLNnXjNJJKqJ2EF",
        "type": "message",
        "role": "assistant",
        "model": MODEL,
        "content": list(blocks),
        "stop_reason": stop,
        "stop_sequence": None,
        "usage": USAGE,
        **fields,
    }


def event(payload: dict[str, Any]) -> bytes:
    """One event, under the name that its data has as `type`."""
    data = json.dumps(payload, ensure_ascii=False)
    return f"event: {payload['type']}\ndata: {data}\n\n".encode()


PING = event({"type": "ping"})
STOP = event({"type": "message_stop"})


def start(whole: dict[str, Any]) -> bytes:
    """The beginning of a stream that comes to `whole`."""
    begun = {
        **{name: value for name, value in whole.items() if name != "stop_details"},
        "content": [],
        "stop_reason": None,
        "stop_sequence": None,
        "usage": {
            **{n: v for n, v in whole["usage"].items() if n != "output_tokens_details"},
            "output_tokens": 1,
        },
    }
    return event({"type": "message_start", "message": begun})


def block(index: int, content: dict[str, Any], size: int = 7) -> bytes:
    """The events of one block, its text in pieces of `size` characters."""
    empty, deltas = _grown(content, size)
    begin = {"type": "content_block_start", "index": index, "content_block": empty}
    grow = [{"type": "content_block_delta", "index": index, "delta": delta} for delta in deltas]
    return b"".join(map(event, [begin, *grow, {"type": "content_block_stop", "index": index}]))


def end(whole: dict[str, Any]) -> bytes:
    """The end of a stream that comes to `whole`: why it ended, and all counts."""
    names = ("stop_reason", "stop_sequence", "stop_details")
    counts = ("cache_creation_input_tokens", "cache_read_input_tokens", "input_tokens",
              "output_tokens", "output_tokens_details", "server_tool_use")  # fmt: skip
    usage = {name: whole["usage"][name] for name in counts if name in whole["usage"]}
    delta = {name: whole[name] for name in names if name in whole}
    return event({"type": "message_delta", "delta": delta, "usage": usage}) + STOP


def stream(whole: dict[str, Any], size: int = 7) -> bytes:
    """The stream that comes to `whole`."""
    blocks = [block(i, content, size) for i, content in enumerate(whole["content"])]
    return start(whole) + PING + b"".join(blocks) + end(whole)


def error(kind: str, reason: str, **fields: Any) -> dict[str, Any]:
    """The body of an error, and the data of its event."""
    details = {"type": kind, "message": reason, **fields}
    return {"type": "error", "error": details, "request_id": "req_011CSHoEeqs5C35K2UUqR7Fy"}


def _grown(content: dict[str, Any], size: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """How a block begins, and what it grows by."""
    kind = content["type"]
    if kind == "text":
        cited = [{"type": "citations_delta", "citation": c} for c in content.get("citations", ())]
        begun = {**content, "text": ""} | ({"citations": []} if cited else {})
        return begun, [*_cut("text_delta", "text", content["text"], size), *cited]
    if kind == "thinking":
        deltas = _cut("thinking_delta", "thinking", content["thinking"], size)
        signed = {"type": "signature_delta", "signature": content["signature"]}
        return {**content, "thinking": "", "signature": ""}, [*deltas, signed]
    if kind in ("tool_use", "server_tool_use"):
        # The first piece of a call's arguments is empty, and of a call without any the only one.
        written = json.dumps(content["input"]) if content["input"] else ""
        pieces = _cut("input_json_delta", "partial_json", written, size)
        return {**content, "input": {}}, [
            {"type": "input_json_delta", "partial_json": ""},
            *pieces,
        ]
    return content, []


def _cut(kind: str, name: str, value: str, size: int) -> list[dict[str, Any]]:
    return [{"type": kind, name: value[i : i + size]} for i in range(0, len(value), size)]
