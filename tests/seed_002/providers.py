"""A server that answers as OpenAI, Groq, Anthropic and Ollama do, each at its documented paths."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

from tests.remote import wire
from tests.remote.scripted_server import Request

CALL = {"name": "get_weather", "arguments": '{"location":"Paris"}'}
INSTALLED = ["llama3.2:latest", "qwen2.5:3b"]
PULLED = [{"status": "pulling manifest"}, {"status": "success"}]


def answer(request: Request) -> bytes:
    """What the provider answers to a request; a path that none of them has is a 404."""
    body = json.loads(request.body) if request.body else {}
    found = _ANSWERS.get((request.method, request.path))
    return found(body) if found else wire.answer({"error": "no such path"}, 404)


def _openai(body: dict[str, Any]) -> bytes:
    if body.get("stream"):
        return wire.stream_answer(wire.CHAT_EVENTS)
    choice: dict[str, Any] = {"index": 0, "finish_reason": "stop"}
    choice["message"] = {"role": "assistant", "content": "Hello!"}
    if body.get("tools"):
        call = {"id": "call_1", "type": "function", "function": CALL}
        choice["message"] = {"role": "assistant", "content": None, "tool_calls": [call]}
        choice["finish_reason"] = "tool_calls"
    return wire.answer({**wire.CHAT, "model": body["model"], "choices": [choice]})


def _anthropic(body: dict[str, Any]) -> bytes:
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [{"type": "text", "text": "Hello!"}],
        "stop_reason": "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": 3, "output_tokens": 2},
    }
    if not body.get("stream"):
        return wire.answer(message)
    start = {**message, "content": [], "stop_reason": None}
    block = {"type": "text", "text": ""}
    events: list[dict[str, Any]] = [
        {"type": "message_start", "message": start},
        {"type": "content_block_start", "index": 0, "content_block": block},
        *[
            {
                "type": "content_block_delta",
                "index": 0,
                "delta": {"type": "text_delta", "text": text},
            }
            for text in ("Hel", "lo!")
        ],
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": 2},
        },
        {"type": "message_stop"},
    ]
    return wire.stream_answer(b"".join(wire.event(event, event["type"]) for event in events))


def _ollama(body: dict[str, Any]) -> bytes:
    said = {"model": body["model"], "created_at": "2026-11-21T20:00:00Z"}
    counts = {"done": True, "done_reason": "stop", "prompt_eval_count": 3, "eval_count": 2}
    pieces = ["Hello!"] if body.get("stream") is False else ["Hel", "lo!", ""]
    lines = [
        {**said, "message": {"role": "assistant", "content": text}, "done": False}
        for text in pieces
    ]
    lines[-1].update(counts)
    return _json_lines(lines) if body.get("stream") is not False else wire.answer(lines[0])


def _json_lines(lines: Iterable[Any]) -> bytes:
    head = wire.head("Transfer-Encoding: chunked", content_type="application/x-ndjson")
    return head + wire.chunked([json.dumps(line).encode() + b"\n" for line in lines])


def _tags(_: dict[str, Any]) -> bytes:
    models = [{"name": name, "model": name, "size": 1_900_000_000} for name in INSTALLED]
    return wire.answer({"models": models})


_ANSWERS: dict[tuple[str, str], Callable[[dict[str, Any]], bytes]] = {
    ("POST", "/v1/chat/completions"): _openai,
    ("POST", "/openai/v1/chat/completions"): _openai,
    ("POST", "/v1/messages"): _anthropic,
    ("POST", "/api/chat"): _ollama,
    ("POST", "/api/pull"): lambda _: _json_lines(PULLED),
    ("GET", "/api/tags"): _tags,
    ("GET", "/api/version"): lambda _: wire.answer({"version": "0.13.0"}),
    ("GET", "/"): lambda _: wire.answer(b"Ollama is running", content_type="text/plain"),
    ("HEAD", "/"): lambda _: wire.answer(content_type="text/plain"),
}
