"""What telemetry costs a call: off, on, with content, and on by a trace that is not sampled.

Run it as ``python bench/telemetry.py``; it needs ``opentelemetry-sdk``. A call is made by a
transport that answers at once, so that nothing but the client is timed; spans go to a processor
that drops them, as what an exporter costs is the exporter's. Modes take turns, and the median of
the rounds is told.

Beside it stands what the look costs that a call takes where telemetry is off, by itself.
"""

from __future__ import annotations

import statistics
import sys
import time
import timeit
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any

from opentelemetry.sdk.metrics import MeterProvider
from opentelemetry.sdk.metrics.export import InMemoryMetricReader
from opentelemetry.sdk.trace import SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.sampling import ALWAYS_OFF

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.fake_server import ANSWER
from LLM import LLM, LLMConfig, instrument, telemetry, uninstrument
from LLM.answer import Answer

ROUNDS, CALLS = 30, 300
CHUNKS = 200
HELLO = [{"role": "user", "content": "Hello! " * 20}]


class _Streamed:
    """A stream that is there at once."""

    status = 200
    headers = MappingProxyType[str, str]({})
    body = b'data: {"choices":[{"index":0,"delta":{"content":" token"}}]}\n\n' * CHUNKS
    end = b'data: {"choices":[{"index":0,"delta":{},"finish_reason":"stop"}]}\n\ndata: [DONE]\n\n'

    def progress(self) -> None:
        """Nothing is waited for."""

    def pieces(self) -> Any:
        """All of it."""
        yield self.body + self.end

    def drain(self, pieces: Any) -> None:
        """Nothing follows."""

    def close(self) -> None:
        """Nothing is open."""


def _client() -> LLM:
    llm = LLM(LLMConfig(model="gpt-4"))
    answer = Answer(200, {}, ANSWER if isinstance(ANSWER, bytes) else ANSWER.encode())

    def call(*_: Any, **__: Any) -> Answer:
        return answer

    def stream(*_: Any, **__: Any) -> _Streamed:
        return _Streamed()

    transport: Any = llm._transport
    transport.call, transport.stream = call, stream
    return llm


def _on(sampled: bool = True, **settings: Any) -> None:
    provider = TracerProvider(shutdown_on_exit=False, sampler=None if sampled else ALWAYS_OFF)
    provider.add_span_processor(SpanProcessor())
    meters = MeterProvider([InMemoryMetricReader()], shutdown_on_exit=False)
    instrument(provider, meters, **settings)


MODES: dict[str, Callable[[], None]] = {
    "off": uninstrument,
    "on": _on,
    "on, with content": lambda: _on(capture_content=True),
    "on, not sampled": lambda: _on(sampled=False),
}


def _timed(call: Callable[[], Any], n: int) -> float:
    """Microseconds of the processor for a call."""
    began = time.thread_time()
    for _ in range(n):
        call()
    return (time.thread_time() - began) / n * 1e6


def main() -> None:
    """Time, and print a table."""
    llm = _client()

    def whole() -> None:
        llm.chat_completion(HELLO)

    def streamed() -> None:
        for _ in llm.chat_completion(HELLO, stream=True):
            continue

    took: dict[str, tuple[list[float], list[float]]] = {mode: ([], []) for mode in MODES}
    for _ in range(ROUNDS):
        for mode, switch in MODES.items():
            switch()
            took[mode][0].append(_timed(whole, CALLS))
            took[mode][1].append(_timed(streamed, CALLS // 30))
    uninstrument()
    print(f"{'':18} {'a call, µs':>12} {f'a stream of {CHUNKS}, µs':>22}")
    for mode, (calls, streams) in took.items():
        print(f"{mode:18} {statistics.median(calls):12.1f} {statistics.median(streams):22.1f}")
    look = min(timeit.repeat(lambda: telemetry.current is None, number=200_000, repeat=20))
    empty = min(timeit.repeat(lambda: None, number=200_000, repeat=20))
    print(f"the look where it is off: {(look - empty) / 200_000 * 1e9:.0f} ns")


if __name__ == "__main__":
    main()
