"""What a cassette costs: µs of a call and of a chunk, without one, recording, and replaying.

Run: ``python bench/cassettes.py``. The server is `bench/fake_server.py`, another process,
and the time is this one's processor's.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

from LLM import LLM, LLMConfig, cassette, wire

HERE = Path(__file__).resolve().parent
MESSAGES = [{"role": "user", "content": "Hello! " * 100}]
N_CALLS, N_CHUNKS, ROUNDS = 300, 1000, 5


@contextlib.contextmanager
def serving() -> Iterator[str]:
    """The address of a fake server."""
    command = [sys.executable, str(HERE / "fake_server.py")]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as server:
        assert server.stdout is not None
        assert server.stdin is not None
        yield f"http://127.0.0.1:{server.stdout.readline().strip()}"
        server.stdin.close()


def call_us(url: str) -> float:
    """µs of a call whose answer comes whole."""
    with LLM(LLMConfig(base_url=url, api_key="sk-bench-1234")) as llm:
        start = time.process_time()
        for _ in range(N_CALLS):
            llm.chat_completion(MESSAGES)
        return (time.process_time() - start) / N_CALLS * 1e6


def chunk_us(url: str) -> float:
    """µs of a chunk of a stream."""
    with LLM(LLMConfig(base_url=url, api_key="sk-bench-1234")) as llm:
        start = time.process_time()
        n_chunks = sum(1 for _ in llm.chat_completion(MESSAGES, stream=True))
        return (time.process_time() - start) / n_chunks * 1e6


def best(measure: Callable[[str], float], url: str, around: Callable[[], object]) -> float:
    """The least of some rounds, each with what is `around` it."""
    found = []
    for _ in range(ROUNDS):
        context = around()
        assert isinstance(context, AbstractContextManager)
        with context:
            found.append(measure(url))
    return min(found)


def main() -> None:
    """Measure and print."""
    with tempfile.TemporaryDirectory() as folder, serving() as url:
        for name, measure in (("call", call_us), ("chunk", chunk_us)):
            file = Path(folder) / f"{name}.jsonl"
            plain = best(measure, url, contextlib.nullcontext)
            recording = best(measure, url, lambda file=file: cassette(file, "all"))  # type: ignore[misc]
            replay = best(measure, url, lambda file=file: cassette(file, "none", pace=0))  # type: ignore[misc]
            print(f"{name:5} without {plain:7.1f} µs, recording {recording:7.1f}, "
                  f"replaying {replay:7.1f}")  # fmt: skip
    n = 1_000_000
    start = time.process_time()
    for _ in range(n):
        wire.layers()
    print(
        f"the look of a call without a cassette: {(time.process_time() - start) / n * 1e9:.0f} ns"
    )


if __name__ == "__main__":
    main()
