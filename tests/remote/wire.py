"""Bytes of HTTP answers, right ones and wrong ones."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

CHAT: dict[str, Any] = {
    "id": "chatcmpl-1",
    "object": "chat.completion",
    "created": 1_700_000_000,
    "model": "tiny",
    "choices": [
        {
            "index": 0,
            "message": {"role": "assistant", "content": "Hello!"},
            "finish_reason": "stop",
        }
    ],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
COMPLETION: dict[str, Any] = {
    "id": "cmpl-1",
    "object": "text_completion",
    "created": 1_700_000_000,
    "model": "tiny",
    "choices": [{"index": 0, "text": "Hello!", "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 3, "completion_tokens": 2, "total_tokens": 5},
}
MODELS: dict[str, Any] = {"object": "list", "data": [{"id": "tiny", "object": "model"}]}


def answer(
    body: Any = b"",
    status: int = 200,
    headers: Iterable[tuple[str, str]] = (),
    *,
    content_type: str = "application/json",
    content_length: str | None = "",
) -> bytes:
    """A whole answer. A `body` that is no bytes is sent as JSON.

    :param content_length: empty for the true one, None for none.
    """
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}"]
    lines += [f"{name}: {value}" for name, value in headers]
    if content_length is not None:
        lines.append(f"Content-Length: {content_length or len(body)}")
    return "\r\n".join([*lines, "", ""]).encode("latin-1") + body


def chunked(pieces: Iterable[bytes]) -> bytes:
    """A body in chunked coding, each piece its own chunk."""
    return b"".join(b"%x\r\n%b\r\n" % (len(p), p) for p in pieces if p) + b"0\r\n\r\n"


def cut(data: bytes, size: int) -> list[bytes]:
    """`data` in pieces of `size` bytes."""
    return [data[i : i + size] for i in range(0, len(data), size)]


def head(*headers: str, status: int = 200, content_type: str = "text/event-stream") -> bytes:
    """The status line and headers of an answer whose body follows."""
    lines = [f"HTTP/1.1 {status} X", f"Content-Type: {content_type}", *headers, "", ""]
    return "\r\n".join(lines).encode("latin-1")


#: The head of a stream that ends when the server closes, and of one that is chunked.
UNTIL_CLOSE = head("Connection: close")
CHUNKED = head("Transfer-Encoding: chunked")


def stream_answer(body: bytes, size: int = 1 << 20) -> bytes:
    """A whole chunked event stream."""
    return CHUNKED + chunked(cut(body, size))


def event(payload: Any, name: str = "") -> bytes:
    """One server-sent event. A `payload` that is no bytes is sent as JSON."""
    data = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    return (f"event: {name}\n".encode() if name else b"") + b"data: " + data + b"\n\n"


DONE = b"data: [DONE]\n\n"


def chunk(
    content: str | None = None, finish: str | None = None, *, index: int = 0, **delta: Any
) -> dict[str, Any]:
    """One chat chunk."""
    if content is not None:
        delta["content"] = content
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_700_000_000,
        "model": "tiny",
        "choices": [{"index": index, "delta": delta, "finish_reason": finish}],
    }


def text_chunk(text: str, finish: str | None = None) -> dict[str, Any]:
    """One text completion chunk."""
    return {
        "id": "cmpl-1",
        "object": "text_completion",
        "created": 1_700_000_000,
        "model": "tiny",
        "choices": [{"index": 0, "text": text, "finish_reason": finish}],
    }


CHAT_EVENTS = b"".join(
    [
        event(chunk(role="assistant", content="")),
        event(chunk("Hel")),
        event(chunk("lo!")),
        event(chunk(finish="stop")),
        event({**chunk(), "choices": [], "usage": CHAT["usage"]}),
        DONE,
    ]
)
COMPLETION_EVENTS = event(text_chunk("Hel")) + event(text_chunk("lo!", "stop")) + DONE
