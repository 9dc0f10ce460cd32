"""Clients for coroutines with many requests in flight, against raw aiohttp and the openai SDK.

    python bench/async_clients.py [--rounds 9] [--in-flight 256] [--check] [--json FILE]

Every contender talks to `fake_server.py` in another process, through one event loop of this one. A
round runs each contender once, in turn, so that the machine's drift meets all alike; the tables
give medians over rounds, and ratios taken round by round. CPU is this process's; the server's own
stands beside it, since a server that is slower than the clients would hide how they differ.
`--check` ends with exit status 1 when a ratio misses its target.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import json
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import httpx2
import openai
import yarl
from remote import KEY, MESSAGES, N_CHUNKS, fake_server
from report import Report, add_options, by_round

from cloud.llm import AsyncOpenAICompatClient
from LLM import AsyncLLM, LLMConfig

BODY: dict[str, Any] = {"model": "gpt-4o", "messages": MESSAGES, "temperature": 0.7}
STREAM_BODY = {**BODY, "stream": True}
#: Chunks that every stream brings: role, texts, end.
CHUNKS = N_CHUNKS + 2

RAW, RAW_LINES, SDK = "aiohttp", "aiohttp lines + json", "openai"


@dataclass
class Contender:
    """One way to make the same call or read the same stream, and what it took in each round.

    :param run: makes one call.
    :param times: how often it is run in one round; slow contenders less often.
    :param per: what the figures are divided by: chunks of a stream.
    """

    name: str
    run: Callable[[], Awaitable[Any]]
    times: int
    per: int = 1
    cpu_us: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)
    server_us: list[float] = field(default_factory=list)

    async def play(self, in_flight: int, server_cpu_s: Callable[[], Awaitable[float]]) -> None:
        """Run `times` times, `in_flight` at once, and note what it took."""
        share = self.times // in_flight
        gc.collect()
        server_start = await server_cpu_s()
        wall, cpu = time.perf_counter(), time.process_time()
        await asyncio.gather(*(self._repeat(share) for _ in range(in_flight)))
        cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
        n = share * in_flight * self.per
        self.cpu_us.append(cpu / n * 1e6)
        self.per_s.append(n / wall)
        self.server_us.append((await server_cpu_s() - server_start) / n * 1e6)

    async def _repeat(self, times: int) -> None:
        for _ in range(times):
            await self.run()


class Calls:
    """Every way to make the same call. All pools stay open: idle ones cost nothing."""

    def __init__(self, base: str, in_flight: int) -> None:
        self.url = f"{base}/v1/chat/completions"
        self.headers = {"Authorization": f"Bearer {KEY}"}
        self.session = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=in_flight))
        # All that aiohttp lets one leave out.
        self.lean = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=in_flight),
            cookie_jar=aiohttp.DummyCookieJar(),
            timeout=aiohttp.ClientTimeout(total=None, sock_connect=None),
            skip_auto_headers=("User-Agent",),
        )
        self.lean_url = yarl.URL(self.url)
        self.lean_headers = {**self.headers, "Content-Type": "application/json"}
        self.client = AsyncOpenAICompatClient(api_key=KEY, base_url=base)
        self.llm = AsyncLLM(LLMConfig(base_url=base, api_key=KEY, model="gpt-4o"))
        limits = httpx2.Limits(max_connections=1000, max_keepalive_connections=in_flight)
        self.httpx2 = httpx2.AsyncClient(limits=limits)
        self.sdk = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=KEY)
        kept = openai.DefaultAsyncHttpxClient(limits=limits)
        self.sdk_kept = openai.AsyncOpenAI(base_url=f"{base}/v1", api_key=KEY, http_client=kept)

    async def close(self) -> None:
        await self.session.close()
        await self.lean.close()
        await self.httpx2.aclose()
        await self.llm.close()
        await self.sdk.close()
        await self.sdk_kept.close()

    async def aiohttp_call(self) -> None:
        async with self.session.post(self.url, json=BODY, headers=self.headers) as answer:
            assert (await answer.json())["choices"][0]["message"]["content"]

    async def aiohttp_bytes(self) -> None:
        data = json.dumps(BODY).encode()
        async with self.lean.post(self.lean_url, data=data, headers=self.lean_headers) as answer:
            assert json.loads(await answer.read())["choices"][0]["message"]["content"]

    async def client_call(self) -> None:
        assert (await self.client.chat(MESSAGES, temperature=0.7)).content

    async def llm_call(self) -> None:
        assert (await self.llm.chat_completion(MESSAGES)).choices[0].message.content

    async def httpx2_call(self) -> None:
        answer = await self.httpx2.post(self.url, json=BODY, headers=self.headers)
        assert answer.json()["choices"][0]["message"]["content"]

    async def sdk_call(self) -> None:
        answer = await self.sdk.chat.completions.create(**BODY)
        assert answer.choices[0].message.content

    async def sdk_kept_call(self) -> None:
        answer = await self.sdk_kept.chat.completions.create(**BODY)
        assert answer.choices[0].message.content

    async def aiohttp_stream(self) -> None:
        n = 0
        async with self.session.post(self.url, json=STREAM_BODY, headers=self.headers) as answer:
            async for line in answer.content:
                if line.startswith(b"data: ") and not line.startswith(b"data: [DONE]"):
                    n += len(json.loads(line[6:])["choices"])
        assert n == CHUNKS

    async def client_events(self) -> None:
        n = 0
        async for _ in self.client.events(MESSAGES, temperature=0.7):
            n += 1
        assert n >= N_CHUNKS

    async def client_text(self) -> None:
        n = 0
        async for _ in self.client.chat_stream(MESSAGES, temperature=0.7):
            n += 1
        assert n == N_CHUNKS

    async def llm_stream(self) -> None:
        n = 0
        async with await self.llm.chat_completion(MESSAGES, stream=True) as stream:
            async for chunk in stream:
                n += len(chunk.choices)
        assert n == CHUNKS

    async def sdk_stream(self) -> None:
        n = 0
        stream = await self.sdk.chat.completions.create(**STREAM_BODY)
        async for chunk in stream:
            n += len(chunk.choices)
        assert n == CHUNKS

    async def server_cpu_s(self) -> float:
        """CPU that the server's process has used so far, in seconds."""
        async with self.session.get(self.lean_url.with_path("/cpu")) as answer:
            return float(await answer.read())


async def interleaved(
    contenders: list[Contender], rounds: int, in_flight: int, calls: Calls
) -> None:
    """Play all contenders in turn; the first round only opens connections."""
    for contender in contenders:
        await contender.play(in_flight, calls.server_cpu_s)
        for taken in (contender.cpu_us, contender.per_s, contender.server_us):
            taken.clear()
    for _ in range(rounds):
        for contender in contenders:
            await contender.play(in_flight, calls.server_cpu_s)


def show(title: str, unit: str, contenders: list[Contender], report: Report) -> None:
    """Print and note a table: medians, with the smallest and the largest CPU."""
    print(f"\n{title}\n  {'':<30}{'CPU, µs':>9}   {'':<20}{unit + '/s':>12}{'server, µs':>12}")
    for one in contenders:
        report.add(title, one.name, "CPU, µs", one.cpu_us)
        report.add(title, one.name, f"{unit} a second", one.per_s)
        report.add(title, one.name, "the server's CPU, µs", one.server_us)
        spread = f"({min(one.cpu_us):.1f} to {max(one.cpu_us):.1f})"
        print(
            f"  {one.name:<30}{statistics.median(one.cpu_us):9.1f}   {spread:<20}"
            f"{statistics.median(one.per_s):12,.0f}{statistics.median(one.server_us):12.1f}"
        )


async def measure(base: str, rounds: int, in_flight: int, report: Report) -> bool:
    """Run everything. :return: whether all targets are met."""
    calls = Calls(base, in_flight)
    many, few = 16 * in_flight, 4 * in_flight
    client = Contender("AsyncOpenAICompatClient.chat", calls.client_call, many)
    llm = Contender("AsyncLLM.chat_completion", calls.llm_call, many)
    raw = Contender(RAW, calls.aiohttp_call, many)
    sdk = Contender(SDK, calls.sdk_call, few)
    others = [
        Contender("aiohttp, the leanest way", calls.aiohttp_bytes, many),
        Contender("httpx2", calls.httpx2_call, few),
        Contender("openai, all connections kept", calls.sdk_kept_call, few),
    ]
    plain = [client, llm, raw, *others, sdk]
    events = Contender("AsyncOpenAICompatClient.events", calls.client_events, 5, CHUNKS)
    lines = Contender(RAW_LINES, calls.aiohttp_stream, 5, CHUNKS)
    chunks = Contender(SDK, calls.sdk_stream, 2, CHUNKS)
    streamed = [
        events,
        Contender("AsyncOpenAICompatClient.chat_stream", calls.client_text, 5, CHUNKS),
        Contender("AsyncLLM, streamed", calls.llm_stream, 5, CHUNKS),
        lines,
        chunks,
    ]
    async with AsyncExitStack() as stack:
        stack.push_async_callback(calls.close)
        await interleaved(plain, rounds, in_flight, calls)
        await interleaved(streamed, rounds, 1, calls)
    show(f"A call, {in_flight} in flight", "calls", plain, report)
    good = [
        report.hold(
            f"{one.name} / {RAW}, CPU of a call",
            by_round(one.cpu_us, raw.cpu_us),
            1.3,
            at_most=True,
        )
        for one in (client, llm)
    ]
    good += [
        report.hold(
            f"{one.name} / {SDK}, calls a second", by_round(one.per_s, sdk.per_s), 12, at_most=False
        )
        for one in (client, llm)
    ]
    show("A streamed chunk, one stream at a time", "chunks", streamed, report)
    for one, target in ((lines, 1.0), (chunks, 0.1)):
        ratios = by_round(events.cpu_us, one.cpu_us)
        good.append(
            report.hold(f"events / {one.name}, CPU of a chunk", ratios, target, at_most=True)
        )
    return all(good)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--in-flight", type=int, default=256)
    add_options(parser, rounds=9)
    args = parser.parse_args()
    report = Report("async", ("aiohttp", "pydantic", "httpx2", "openai"))
    print(report)
    with fake_server() as base:
        good = asyncio.run(measure(base, args.rounds, args.in_flight, report))
    report.write(args.json)
    return 0 if good or not args.check else 1


if __name__ == "__main__":
    sys.exit(main())
