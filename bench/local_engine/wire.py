"""A streaming client that costs next to nothing: what is measured is the server."""

from __future__ import annotations

import asyncio
import json
import re
import time
from dataclasses import dataclass, field
from typing import Any

# A chunk with text. The first one of a stream has an empty text or none, and comes at once.
_TEXT = re.compile(rb'"content": ?"[^"]')
_CUT = re.compile(rb'"finish_reason": ?"length"')
_PROMPT = re.compile(rb'"prompt_tokens": ?(\d+)')
_CACHED = re.compile(rb'"cached_tokens": ?(\d+)')


@dataclass
class Answer:
    """When the pieces of a streamed answer came.

    :param asked: the clock when the request went out, in seconds.
    :param arrivals: the clock for each chunk with text.
    :param whole: it went on to `max_tokens`, so its tokens are known.
    :param n_read: tokens of the prompt that were not in the cache; None if it was not told.
    """

    asked: float
    arrivals: list[float] = field(default_factory=list)
    whole: bool = False
    n_read: int | None = None

    @property
    def to_first_s(self) -> float:
        """Seconds to the first text."""
        return self.arrivals[0] - self.asked


def prompt_of(number: int) -> str:
    """What a caller asks: by a name, since `tiny` takes numbers for what it is to count."""
    name = chr(ord("a") + number // 26) + chr(ord("a") + number % 26)
    return f"Caller {name}: count from 1 to 200, one after another."


def chat_request(messages: list[dict[str, str]], n_tokens: int) -> bytes:
    """A greedy streaming request, without a Host that a server could object to."""
    fields: dict[str, Any] = {"model": "gpt-4", "messages": messages, "stream": True}
    fields |= {"temperature": 0, "max_tokens": n_tokens, "stream_options": {"include_usage": True}}
    body = json.dumps(fields).encode()
    head = (
        "POST /v1/chat/completions HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


async def ask(port: int, messages: list[dict[str, str]], n_tokens: int) -> Answer:
    """Stream one answer to its end."""
    answer = Answer(time.perf_counter())
    await listen(port, messages, n_tokens, answer)
    return answer


async def listen(port: int, messages: list[dict[str, str]], n_tokens: int, into: Answer) -> None:
    """Stream one answer and note in `into` what comes; cancelled, it hangs up.

    :raises ConnectionError: the server refused; the message has the beginning of what it said.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(chat_request(messages, n_tokens))
        status, tail = await reader.readline(), b""
        if b" 200 " not in status:
            said = await reader.read()
            raise ConnectionRefusedError((status + said).decode(errors="replace")[:300])
        while data := await reader.read(1 << 16):
            now = time.perf_counter()
            lines, _, tail = (tail + data).rpartition(b"\n")
            into.arrivals += [now] * len(_TEXT.findall(lines))
            into.whole |= _CUT.search(lines) is not None
            prompt, cached = _PROMPT.search(lines), _CACHED.search(lines)
            if prompt and cached:
                into.n_read = int(prompt[1]) - int(cached[1])
    finally:
        writer.close()


def ask_now(port: int, text: str, n_tokens: int) -> Answer:
    """One answer to one message, outside a loop."""
    return asyncio.run(ask(port, [{"role": "user", "content": text}], n_tokens))
