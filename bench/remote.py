"""CPU of the blocking clients against plain requests and the openai SDK, interleaved in one run.

    python bench/remote.py [--rounds 15] [--check] [--json FILE]

Every contender talks to `fake_server.py` in another process; what is measured is this process's
CPU time. A round runs each contender once, in turn, so that the machine's drift meets all alike;
the table gives medians over rounds, and ratios taken round by round. `--check` ends with exit
status 1 when a ratio misses its target.
"""

from __future__ import annotations

import argparse
import gc
import itertools
import json
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import openai
import requests
from report import Report, add_options, by_round

from cloud.llm import OpenAICompatClient
from LLM import LLM, LLMConfig

MESSAGES = [
    {"role": "system", "content": "You are helpful."},
    {"role": "user", "content": "Hello!"},
]
CALLS = 200
N_CHUNKS = 1000
KEY = "sk-bench"
#: The contenders that are ours.
OURS = ("LLM", "OpenAICompatClient")


@contextmanager
def fake_server() -> Any:
    """The fake server in a process of its own. Yields its address."""
    script = Path(__file__).with_name("fake_server.py")
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin
        assert process.stdout
        try:
            yield f"http://127.0.0.1:{int(process.stdout.readline())}"
        finally:
            process.stdin.close()
            process.wait(timeout=10)


class Contenders:
    """Each way to make the same call; `path` selects the server's answer."""

    def __init__(self, base: str, path: str = "") -> None:
        self.url = f"{base}{path}/v1/chat/completions"
        self.session = requests.Session()
        self.llm = LLM(LLMConfig(base_url=base + path, api_key=KEY))
        self.client = OpenAICompatClient(api_key=KEY, model="gpt-4", base_url=base + path)
        self.sdk = openai.OpenAI(base_url=f"{base}{path}/v1", api_key=KEY)
        self.headers = {"Authorization": f"Bearer {KEY}"}

    def close(self) -> None:
        self.session.close()
        self.llm.close()
        self.sdk.close()

    def requests_call(self) -> None:
        body = {"model": "gpt-4", "messages": MESSAGES, "temperature": 0.7}
        answer = self.session.post(self.url, json=body, headers=self.headers, timeout=30).json()
        assert answer["choices"][0]["message"]["content"]

    def llm_call(self) -> None:
        assert self.llm.chat_completion(MESSAGES).choices[0].message.content

    def client_call(self) -> None:
        assert self.client.chat(MESSAGES, temperature=0.7).content

    def openai_call(self) -> None:
        answer = self.sdk.chat.completions.create(
            model="gpt-4",
            messages=MESSAGES,
            temperature=0.7,  # type: ignore[arg-type]
        )
        assert answer.choices[0].message.content

    def requests_stream(self) -> int:
        body = {"model": "gpt-4", "messages": MESSAGES, "temperature": 0.7, "stream": True}
        n = 0
        with self.session.post(
            self.url, json=body, headers=self.headers, timeout=30, stream=True
        ) as answer:
            for line in answer.iter_lines():
                if line.startswith(b"data: ") and line != b"data: [DONE]":
                    n += len(json.loads(line[6:])["choices"])
        return n

    def llm_stream(self) -> int:
        with self.llm.chat_completion(MESSAGES, stream=True) as stream:
            return sum(len(chunk.choices) for chunk in stream)

    def client_stream(self) -> int:
        with self.client.events(MESSAGES, temperature=0.7) as stream:
            return sum(1 for _ in stream)

    def openai_stream(self) -> int:
        with self.sdk.chat.completions.create(
            model="gpt-4",
            messages=MESSAGES,
            temperature=0.7,
            stream=True,  # type: ignore[arg-type]
        ) as stream:
            return sum(len(chunk.choices) for chunk in stream)


def cpu_us(work: Callable[[], Any], times: int) -> float:
    """CPU of this process in microseconds for one of `times` runs of `work`."""
    gc.collect()
    start = time.process_time()
    for _ in range(times):
        work()
    return (time.process_time() - start) / times * 1e6


def interleaved(
    contenders: dict[str, Callable[[], Any]], rounds: int, times: int, per: int
) -> dict[str, list[float]]:
    """CPU of each contender in each round, divided by `per`."""
    for work in contenders.values():
        work()
    taken: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(rounds):
        for name, work in contenders.items():
            taken[name].append(cpu_us(work, times) / per)
    return taken


def show(
    title: str, taken: dict[str, list[float]], targets: dict[str, float], report: Report
) -> bool:
    """Print and note a table; targets are our clients' largest ratio to each peer."""
    print(f"\n{title}")
    for name, values in taken.items():
        report.add(title, name, "CPU, µs", values)
        low, mid, high = min(values), statistics.median(values), max(values)
        print(f"  {name:<28}{mid:10.2f} µs   ({low:.2f} to {high:.2f})")
    good = True
    for ours, (peer, target) in itertools.product(OURS, targets.items()):
        what = f"{ours} / {peer}, CPU of {title[0].lower() + title[1:]}"
        good &= report.hold(what, by_round(taken[ours], taken[peer]), target, at_most=True)
    return good


def delays_ms(contenders: Contenders) -> list[float]:
    """How long after it was sent each chunk of a slow stream reached the caller."""
    with contenders.llm.chat_completion(MESSAGES, stream=True) as stream:
        return [(time.monotonic() - float(text)) * 1e3 for text in stream.iter_text()]


def show_delays(base: str, rounds: int, report: Report) -> bool:
    """A close-delimited stream must reach the caller no later than a chunked one."""
    chunked, closing = Contenders(base, "/slow"), Contenders(base, "/slowclose")
    delays: dict[str, list[float]] = {"chunked": [], "close-delimited": []}
    later = []
    for _ in range(rounds):
        first, second = delays_ms(chunked), delays_ms(closing)
        delays["chunked"] += first
        delays["close-delimited"] += second
        later.append(statistics.median(second) - statistics.median(first))
    chunked.close()
    closing.close()
    print("\nDelay of a streamed chunk, sent every 5 ms")
    for name, values in delays.items():
        report.add("Delay of a streamed chunk", name, "ms", values)
        spread = f"(median; 90 % within {statistics.quantiles(values, n=10)[-1]:.3f} ms)"
        print(f"  {name:<28}{statistics.median(values):10.3f} ms   {spread}")
    # 0.1 ms is what one wake-up of this process varies by.
    return report.hold("close-delimited later than chunked, ms", later, 0.1, at_most=True)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    add_options(parser, rounds=15)
    args = parser.parse_args()
    report = Report("remote", ("requests", "urllib3", "pydantic", "openai"))
    print(report)
    with fake_server() as base:
        peers = Contenders(base)
        calls = interleaved(
            {
                "requests": peers.requests_call,
                "LLM": peers.llm_call,
                "OpenAICompatClient": peers.client_call,
                "openai": peers.openai_call,
            },
            args.rounds,
            CALLS,
            1,
        )
        good = show("A blocking call", calls, {"requests": 0.60, "openai": 0.30}, report)
        streams = interleaved(
            {
                "requests": peers.requests_stream,
                "LLM": peers.llm_stream,
                "OpenAICompatClient": peers.client_stream,
                "openai": peers.openai_stream,
            },
            args.rounds,
            3,
            N_CHUNKS + 2,
        )
        good &= show("A streamed chunk", streams, {"requests": 1.0, "openai": 0.08}, report)
        peers.close()
        good &= show_delays(base, args.rounds, report)
    report.write(args.json)
    return 0 if good or not args.check else 1


if __name__ == "__main__":
    sys.exit(main())
