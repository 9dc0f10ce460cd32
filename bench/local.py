"""Tokens a second of the local engine, in process and over HTTP.

    python bench/local.py                             # in this process: 1, 4 and 8 callers
    python bench/local.py --url http://127.0.0.1:8000 --url http://127.0.0.1:8132

Each URL is a server that streams /v1/chat/completions: ours, llama_cpp.server, llama-server. They
are measured in turns, so that a busy machine slows all alike. Give every contender one thread. Ours
starts with an empty cache only in the first round: text kept for later costs attention time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import statistics
import threading
import time
from urllib.parse import urlsplit

from local_llm_kit import LLMClient

CALLERS = (1, 4, 8)
MESSAGES = [{"role": "user", "content": "Count from 1 to 200, one number after another."}]


def in_process(model: str, n_tokens: int, rounds: int) -> None:
    """Callers are threads that read streams, with a stop string to look for."""
    with LLMClient(model, threads=1) as client:
        for n_callers in CALLERS * rounds:
            before = client.stats
            begin = time.perf_counter()
            threads = [
                threading.Thread(target=read_stream, args=(client, n_tokens))
                for _ in range(n_callers)
            ]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            wall_s = time.perf_counter() - begin
            after = client.stats
            n = after.n_generated - before.n_generated
            decode_s = after.decode_s - before.decode_s
            print(
                f"in process, {n_callers} callers: {n / wall_s:7.0f} tokens/s, "
                f"{decode_s / n * 1e6:5.0f} µs a token computing, "
                f"{(wall_s - decode_s) / n * 1e6:5.1f} µs beside it",
                flush=True,
            )


def read_stream(client: LLMClient, n_tokens: int) -> None:
    with client.chat.completions.create(
        messages=MESSAGES, stream=True, temperature=0, max_tokens=n_tokens, stop=["\0never"]
    ) as stream:
        for _ in stream:
            continue


async def count_chunks(url: str, request: bytes) -> int:
    """Chunks of one streamed answer, counted in the raw bytes, which costs next to nothing."""
    parts = urlsplit(url)
    reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
    writer.write(request)
    n, tail = 0, b""
    while data := await reader.read(65536):
        n += (tail + data).count(b"data: {") - tail.count(b"data: {")
        tail = data[-8:]
    writer.close()
    return n


def http_request(url: str, model: str, n_tokens: int) -> bytes:
    fields = {"model": model, "messages": MESSAGES, "stream": True}
    body = json.dumps(fields | {"temperature": 0, "max_tokens": n_tokens}).encode()
    head = (
        f"POST /v1/chat/completions HTTP/1.1\r\nHost: {urlsplit(url).netloc}\r\n"
        f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        "Connection: close\r\n\r\n"
    )
    return head.encode() + body


async def over_http(urls: list[str], model: str, n_tokens: int, rounds: int) -> None:
    requests = {url: http_request(url, model, n_tokens) for url in urls}
    for url in urls:
        await count_chunks(url, requests[url])  # load and warm up
    for n_callers in CALLERS:
        rates: dict[str, list[float]] = {url: [] for url in urls}
        for _ in range(rounds):
            for url in urls:
                begin = time.perf_counter()
                calls = [count_chunks(url, requests[url]) for _ in range(n_callers)]
                n = sum(await asyncio.gather(*calls))
                rates[url].append(n / (time.perf_counter() - begin))
        for url, found in rates.items():
            print(
                f"{url}, {n_callers} clients: {statistics.median(found):7.0f} chunks/s "
                f"({min(found):.0f} to {max(found):.0f})",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="tiny", help="name or path")
    parser.add_argument(
        "--url", action="append", default=[], help="a server to measure; repeatable"
    )
    parser.add_argument("--tokens", type=int, default=256, help="most tokens of an answer")
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    if options.url:
        asyncio.run(over_http(options.url, options.model, options.tokens, options.rounds))
    else:
        in_process(options.model, options.tokens, options.rounds)


if __name__ == "__main__":
    main()
