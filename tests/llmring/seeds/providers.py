"""A server that answers as OpenAI, Anthropic, Gemini and Ollama do, each at its documented paths.

What is said is the same everywhere: a call where functions are offered, a person where JSON is
asked for, else a greeting.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from typing import Any

from tests.remote import wire
from tests.remote.scripted_server import Request

Body = dict[str, Any]

PIECES = ("Hel", "lo!")
LOCATION = {"location": "NYC"}
PERSON = {"name": "Ada", "age": 36, "email": "ada@example.org"}
#: Tokens of the prompt and of the answer.
TOKENS = (3, 2)

#: What each provider's body has where JSON is asked for.
_JSON_WORDS = re.compile(
    r'"(response_format|output_config|output_format|response\w*Schema|format)"'
)


def answer(request: Request) -> bytes:
    """What the provider answers to a request; a path that none of them has is a 404."""
    body = json.loads(request.body) if request.body else {}
    path = request.path.partition("?")[0]
    for pattern, answered in _ANSWERS:
        if found := re.fullmatch(pattern, path):
            return answered({**body, **found.groupdict()})
    return wire.answer({"error": {"message": f"no such path: {path}"}}, 404)


def _function(body: Body) -> str | None:
    """The name of the function that is called; None where text is said."""
    for tool in body.get("tools") or ():
        declared = tool.get("function") or tool
        for one in declared.get("functionDeclarations") or [declared]:
            if name := one.get("name"):
                return str(name)
    return None


def _pieces(body: Body) -> list[str]:
    text = json.dumps(PERSON) if _JSON_WORDS.search(json.dumps(body)) else "".join(PIECES)
    middle = len(PIECES[0])
    return [text[:middle], text[middle:]]


def _openai(body: Body) -> bytes:
    if body.get("stream"):
        return _openai_stream(body)
    message: Body = {"role": "assistant", "content": "".join(_pieces(body))}
    finish = "stop"
    if name := _function(body):
        function = {"name": name, "arguments": json.dumps(LOCATION)}
        call = {"id": "call_1", "type": "function", "function": function}
        message, finish = {"role": "assistant", "content": None, "tool_calls": [call]}, "tool_calls"
    choice = {"index": 0, "message": message, "finish_reason": finish}
    return wire.answer({**wire.CHAT, "model": body["model"], "choices": [choice]})


def _openai_stream(body: Body) -> bytes:
    chunks = [wire.chunk(role="assistant", content="")]
    chunks += [wire.chunk(piece) for piece in _pieces(body)]
    chunks.append(wire.chunk(finish="stop"))
    if (body.get("stream_options") or {}).get("include_usage"):
        chunks.append({**wire.chunk(), "choices": [], "usage": wire.CHAT["usage"]})
    return wire.stream_answer(b"".join(map(wire.event, chunks)) + wire.DONE)


def _anthropic(body: Body) -> bytes:
    block: Body = {"type": "text", "text": "".join(_pieces(body))}
    forced = (body.get("tool_choice") or {}).get("type") == "tool"
    if name := _function(body):
        given = PERSON if forced else LOCATION
        block = {"type": "tool_use", "id": "toolu_1", "name": name, "input": given}
    message = {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": body["model"],
        "content": [block],
        "stop_reason": "tool_use" if name else "end_turn",
        "stop_sequence": None,
        "usage": {"input_tokens": TOKENS[0], "output_tokens": TOKENS[1]},
    }
    return _anthropic_stream(body, message) if body.get("stream") else wire.answer(message)


def _anthropic_stream(body: Body, message: Body) -> bytes:
    deltas = [{"type": "text_delta", "text": piece} for piece in _pieces(body)]
    events: list[Body] = [
        {"type": "message_start", "message": {**message, "content": [], "stop_reason": None}},
        {"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}},
        *({"type": "content_block_delta", "index": 0, "delta": delta} for delta in deltas),
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {"output_tokens": TOKENS[1]},
        },
        {"type": "message_stop"},
    ]
    return wire.stream_answer(b"".join(wire.event(event, event["type"]) for event in events))


def _gemini_candidates(parts: list[Body], finish: str | None) -> Body:
    candidate = {"content": {"role": "model", "parts": parts}, "index": 0}
    usage = {"promptTokenCount": TOKENS[0], "candidatesTokenCount": TOKENS[1], "totalTokenCount": 5}
    return {
        "candidates": [candidate | ({"finishReason": finish} if finish else {})],
        "usageMetadata": usage,
        "modelVersion": "gemini-test",
    }


def _gemini(body: Body) -> bytes:
    parts: list[Body] = [{"text": "".join(_pieces(body))}]
    if name := _function(body):
        parts = [{"functionCall": {"name": name, "args": LOCATION}}]
    return wire.answer(_gemini_candidates(parts, "STOP"))


def _gemini_stream(body: Body) -> bytes:
    first, last = _pieces(body)
    answers = [
        _gemini_candidates([{"text": first}], None),
        _gemini_candidates([{"text": last}], "STOP"),
    ]
    return wire.stream_answer(b"".join(map(wire.event, answers)))


def _ollama(body: Body) -> bytes:
    streamed = body.get("stream") is not False
    said = {"model": body["model"], "created_at": "2026-11-21T20:00:00Z", "done": False}
    messages: list[Body] = [{"content": "".join(_pieces(body))}]
    if streamed:
        messages = [{"content": piece} for piece in [*_pieces(body), ""]]
    elif name := _function(body):
        call = {"function": {"name": name, "arguments": LOCATION}}
        messages = [{"content": "", "tool_calls": [call]}]
    lines = [{**said, "message": {"role": "assistant", **message}} for message in messages]
    counts = {"prompt_eval_count": TOKENS[0], "eval_count": TOKENS[1]}
    lines[-1] |= {"done": True, "done_reason": "stop", **counts}
    return _json_lines(lines) if streamed else wire.answer(lines[0])


def _json_lines(lines: Iterable[Body]) -> bytes:
    head = wire.head("Transfer-Encoding: chunked", content_type="application/x-ndjson")
    return head + wire.chunked([json.dumps(line).encode() + b"\n" for line in lines])


_MODEL = {"name": "llama3:latest", "model": "llama3:latest", "size": 4_700_000_000}

#: Each path and what is answered there; named groups join the body.
_ANSWERS: tuple[tuple[str, Callable[[Body], bytes]], ...] = (
    (r"/v1/chat/completions", _openai),
    (r"/v1/messages", _anthropic),
    (r"/v1beta/models/(?P<model>[^/:]+):generateContent", _gemini),
    (r"/v1beta/models/(?P<model>[^/:]+):streamGenerateContent", _gemini_stream),
    (r"/api/chat", _ollama),
    (r"/api/tags", lambda _: wire.answer({"models": [_MODEL]})),
    (r"/api/show", lambda _: wire.answer({"capabilities": ["completion", "tools"]})),
    (r"/api/version", lambda _: wire.answer({"version": "0.13.0"})),
)
