"""A fake OpenAI-compatible server for benchmarks: canned bytes, next to no work a request.

Run as ``python bench/fake_server.py`` it prints its port and serves until its standard input ends,
so that a benchmark that dies takes its server along. The query of the path chooses the answer:

- ``/v1/chat/completions``: one JSON answer, or for ``"stream":true`` a chunked event stream;
- ``/chunks/N/v1/chat/completions``: a stream of N chunks instead of 1,000;
- ``/close/v1/chat/completions``: the stream is delimited by closing, not chunked;
- ``/slow/v1/chat/completions``: a chunk every 5 ms, for latency, chunked;
- ``/slowclose/v1/chat/completions``: likewise, close-delimited;
- ``/cpu``: the CPU that this process has used so far, in seconds.
"""

from __future__ import annotations

import asyncio
import json
import re
import sys
import time

ANSWER = json.dumps(
    {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion",
        "created": 1741569952,
        "model": "gpt-4.1-2025-04-14",
        "choices": [
            {
                "index": 0,
                "message": {
                    "role": "assistant",
                    "content": "Hello! How can I assist you today?",
                    "refusal": None,
                    "annotations": [],
                },
                "logprobs": None,
                "finish_reason": "stop",
            }
        ],
        "usage": {
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
        },
        "service_tier": "default",
        "system_fingerprint": "fp_b376dfbbd5",
    }
).encode()


def chunk(delta: dict[str, str], finish_reason: str | None = None) -> bytes:
    """One server-sent event of a chat stream, about 286 bytes."""
    event = {
        "id": "chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT",
        "object": "chat.completion.chunk",
        "created": 1741569952,
        "model": "gpt-4.1-2025-04-14",
        "service_tier": "default",
        "system_fingerprint": "fp_b376dfbbd5",
        "choices": [{"index": 0, "delta": delta, "logprobs": None, "finish_reason": finish_reason}],
        "usage": None,
    }
    return b"data: " + json.dumps(event).encode() + b"\n\n"


def events(n_chunks: int) -> list[bytes]:
    """The events of a stream of `n_chunks` text chunks, the final ones included."""
    head = [chunk({"role": "assistant", "content": ""})]
    return (
        head + [chunk({"content": " hello"})] * n_chunks + [chunk({}, "stop"), b"data: [DONE]\n\n"]
    )


def http_chunk(data: bytes) -> bytes:
    return b"%x\r\n%b\r\n" % (len(data), data)


PLAIN = (
    b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nx-request-id: req_1\r\n"
    b"content-length: %d\r\n\r\n" % len(ANSWER)
) + ANSWER
CHUNKED_HEAD = (
    b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream; charset=utf-8\r\n"
    b"transfer-encoding: chunked\r\n\r\n"
)
CLOSE_HEAD = CHUNKED_HEAD.replace(b"transfer-encoding: chunked", b"connection: close")
CPU = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: %d\r\n\r\n%b"
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)
_streams: dict[tuple[int, bool], bytes] = {}


def stream_bytes(n_chunks: int, *, chunked: bool) -> bytes:
    """A whole stream's bytes, made once."""
    key = (n_chunks, chunked)
    if key not in _streams:
        parts = events(n_chunks)
        _streams[key] = (
            CHUNKED_HEAD + b"".join(map(http_chunk, parts)) + b"0\r\n\r\n"
            if chunked
            else CLOSE_HEAD + b"".join(parts)
        )
    return _streams[key]


class Server(asyncio.Protocol):
    """One connection: reads requests by Content-Length and writes the canned answer."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self.buffer = b""

    def data_received(self, data: bytes) -> None:
        self.buffer += data
        while (end := self.buffer.find(b"\r\n\r\n")) >= 0:
            found = LENGTH.search(self.buffer, 0, end)
            total = end + 4 + (int(found.group(1)) if found else 0)
            if len(self.buffer) < total:
                return
            request, self.buffer = self.buffer[:total], self.buffer[total:]
            self.answer(request.split(b" ", 2)[1].decode(), request[end + 4 :])

    def answer(self, path: str, body: bytes) -> None:
        streamed = b'"stream":true' in body or b'"stream": true' in body
        if path == "/cpu":
            used = b"%.6f" % time.process_time()
            self.transport.write(CPU % (len(used), used))
        elif not streamed:
            self.transport.write(PLAIN)
        elif path.startswith("/slow"):
            self.task = asyncio.ensure_future(self.drip(chunked=not path.startswith("/slowclose")))
        else:
            wanted = re.match(r"/chunks/(\d+)/", path)
            closing = path.startswith("/close")
            n_chunks = int(wanted.group(1)) if wanted else 1000
            self.transport.write(stream_bytes(n_chunks, chunked=not closing))
            if closing:
                self.transport.close()

    async def drip(self, *, chunked: bool) -> None:
        """20 chunks, one every 5 ms, each holding the clock's reading when it was sent."""
        self.transport.write(CHUNKED_HEAD if chunked else CLOSE_HEAD)
        frame = http_chunk if chunked else bytes
        for _ in range(20):
            self.transport.write(frame(chunk({"content": f"{time.monotonic():.9f} "})))
            await asyncio.sleep(0.005)
        self.transport.write(frame(chunk({}, "stop") + b"data: [DONE]\n\n"))
        if chunked:
            self.transport.write(b"0\r\n\r\n")
        else:
            self.transport.close()


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await loop.run_in_executor(None, sys.stdin.read)


if __name__ == "__main__":
    asyncio.run(main())
