"""What Ray adds to a request: a job's engine on a local cluster, and on this process's own loop.

    python bench/ray_batch.py [--rounds 3] [--requests 2000] [--in-flight 64]

Both make the same calls of `fake_server.py` in another process, which answers at once, so that what
is left is their own cost. Time runs from the first answer to the last: that a cluster and a worker
have to start first is told apart. A round runs both in turn. There is no target: at a real server a
request takes seconds, and the packs of many workers are under way meanwhile.
"""

from __future__ import annotations

import argparse
import platform
import statistics
import time
from collections.abc import Iterator
from importlib.metadata import version

from pydantic_core import to_json
from remote import fake_server

from LLM import LLM, LLMConfig
from LLM.batch.endpoint import engine_of
from LLM.batch.engine import BatchEngine
from LLM.batch.types import BatchOutcome, BatchRequest
from llm_kit.ray import EndpointWorker, RayEngine


def requests(n_requests: int) -> Iterator[BatchRequest]:
    """Chat requests of some 100 bytes."""
    for n in range(n_requests):
        text = f"Name a bee that is number {n} of its hive."
        body = {"model": "gpt-4o", "messages": [{"role": "user", "content": text}]}
        yield BatchRequest(n, f"r{n}", "/v1/chat/completions", body, to_json(body), f"id-{n}")


def measured(engine: BatchEngine, n_requests: int) -> tuple[float, float]:
    """Seconds until the first answer, and milliseconds for each of the others."""
    times: list[float] = []

    def finish(outcome: BatchOutcome) -> None:
        assert outcome.error is None, outcome.error
        times.append(time.perf_counter())

    begun = time.perf_counter()
    engine.run(requests(n_requests), finish)
    assert len(times) == n_requests
    return times[0] - begun, (times[-1] - times[0]) / n_requests * 1e3


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=2_000)
    parser.add_argument("--in-flight", type=int, default=64)
    given = parser.parse_args()
    print(
        f"Python {platform.python_version()}, ray {version('ray')}, {given.requests:,} requests,"
        f" {given.in_flight} open, one worker"
    )
    found: dict[str, list[tuple[float, float]]] = {"threads": [], "ray": []}
    with fake_server() as base:
        config = LLMConfig(base_url=base, model="gpt-4o")
        for _ in range(given.rounds):
            with LLM(config) as llm:
                engine = engine_of(llm, given.in_flight)
                found["threads"].append(measured(engine, given.requests))
            on_ray = RayEngine(EndpointWorker(config), concurrency=given.in_flight)
            found["ray"].append(measured(on_ray, given.requests))
    print(f"\n  {'engine':<10}{'first answer, s':>17}{'each, ms':>11}")
    for name, values in found.items():
        first, each = (statistics.median(column) for column in zip(*values, strict=True))
        print(f"  {name:<10}{first:17.2f}{each:11.3f}")
    added = [ray[1] - own[1] for ray, own in zip(found["ray"], found["threads"], strict=True)]
    spread = f"({min(added):.2f} to {max(added):.2f})"
    print(f"\n  Ray adds {statistics.median(added):.2f} ms a request {spread}")


if __name__ == "__main__":
    main()
