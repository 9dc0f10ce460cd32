"""What `llmring` costs a call: over the client it stands on, and against the original llmring.

    python bench/ring.py [--rounds 9] [--peer-python PATH] [--noted] [--check]
        [--json FILE]

Each contender runs in a process of its own against `fake_server.py` in another one. They take
turns, round by round, so that the machine's drift meets all alike; the table gives medians over
rounds, and ratios taken round by round. The original is that of the Python at `--peer-python`, in
an environment of its own (``pip install llmring==1.4.0``), for both have the same name; it prices
its calls by a registry in a file, lest it ask its own over the network, and one without limits of
input, for it counts tokens by a vocabulary that it downloads. It notes no calls without a server;
ours notes them in a temporary database with `--noted`, else not. `--check` ends with exit
status 1 when a figure misses its target or there is no original to compare with.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from peers import peer_python
from remote import fake_server
from report import Report, add_options, by_round
from ring_worker import KEY, MODEL, N_CHUNKS

HERE = Path(__file__).parent
LOCKFILE = f"""\
version = "1.0"
default_profile = "default"
[profiles.default]
name = "default"
[[profiles.default.bindings]]
alias = "fast"
models = ["openai:{MODEL}"]
"""
REGISTRY = {
    "provider": "openai",
    "version": 1,
    "updated_at": "2026-11-01T00:00:00Z",
    "models": {
        f"openai:{MODEL}": {
            "provider": "openai",
            "model_name": MODEL,
            "display_name": MODEL,
            "dollars_per_million_tokens_input": 2.5,
            "dollars_per_million_tokens_output": 10.0,
        }
    },
}
IN_FLIGHT = 256


class Worker:
    """A Python that calls its `llmring`, in a process of its own."""

    def __init__(self, python: str, base_url: str, folder: Path, *arguments: str) -> None:
        settings = {"OPENAI_API_KEY": KEY, "OPENAI_BASE_URL": f"{base_url}/v1"}
        # The path to our packages would lead the other Python to them, too.
        own = {} if python == sys.executable else {"PYTHONPATH": ""}
        self._process = subprocess.Popen(
            [python, HERE / "ring_worker.py", base_url, folder / "llmring.lock", *arguments],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=folder,
            env=os.environ | settings | own,
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        assert self._process.stdin
        self._process.stdin.close()
        self._process.wait(timeout=30)

    def take(self, what: str, times: int, in_flight: int) -> tuple[float, float]:
        """One turn. :return: seconds of CPU, and seconds."""
        assert self._process.stdin
        assert self._process.stdout
        self._process.stdin.write(f"{what} {times} {in_flight}\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        if not line:
            raise SystemExit("a worker has died; its last words are above")
        cpu_s, wall_s = map(float, line.split())
        return cpu_s, wall_s


@dataclass
class Contender:
    """One way to make calls, and what it took in each round.

    :param what: the turn that the worker takes.
    :param times: calls in one turn; slow contenders make fewer.
    :param per: what a call's figures are divided by: the chunks of a stream.
    """

    name: str
    worker: Worker
    what: str
    times: int
    in_flight: int = 1
    per: int = 1
    cpu_us: list[float] = field(default_factory=list)
    per_s: list[float] = field(default_factory=list)

    def play(self) -> None:
        """Take one turn, and note it."""
        cpu_s, wall_s = self.worker.take(self.what, self.times, self.in_flight)
        n = self.times * self.per
        self.cpu_us.append(cpu_s / n * 1e6)
        self.per_s.append(n / wall_s)


def measure(
    contenders: list[Contender], rounds: int, title: str, unit: str, report: Report
) -> None:
    """Play all in turn, and print what they took. The first round only opens connections."""
    for contender in contenders:
        contender.play()
        contender.cpu_us.clear()
        contender.per_s.clear()
    for _ in range(rounds):
        for contender in contenders:
            contender.play()
    print(f"\n{title}\n  {'':<30}{'CPU, µs':>9}   {'':<20}{unit + '/s':>12}")
    for one in contenders:
        report.add(title, one.name, "CPU, µs", one.cpu_us)
        report.add(title, one.name, f"{unit} a second", one.per_s)
        spread = f"({min(one.cpu_us):.1f} to {max(one.cpu_us):.1f})"
        cpu, speed = statistics.median(one.cpu_us), statistics.median(one.per_s)
        print(f"  {one.name:<30}{cpu:9.1f}   {spread:<20}{speed:12,.0f}")


def calls(
    ours: Worker,
    peer: Worker | None,
    rounds: int,
    in_flight: int,
    target: float,
    report: Report,
) -> bool:
    """Measure calls. :return: whether the targets are met."""
    times = 300 if in_flight == 1 else 8 * in_flight
    client = Contender("AsyncOpenAICompatClient.chat", ours, "client-chat", times, in_flight)
    ring = Contender("LLMRing.chat", ours, "chat", times, in_flight)
    anew = Contender("LLMRing.chat, a new request", ours, "new-chat", times, in_flight)
    contenders = [client, ring, anew]
    if peer is not None:
        few = 100 if in_flight == 1 else 2 * in_flight
        contenders.append(Contender("llmring 1.4.0", peer, "chat", few, in_flight))
    title = "one by one" if in_flight == 1 else f"{in_flight} in flight"
    measure(contenders, rounds, f"A call, {title}", "calls", report)
    over = [(a - b) / 1e3 for a, b in zip(ring.cpu_us, client.cpu_us, strict=True)]
    good = report.hold(f"LLMRing over the client, {title}, ms of CPU", over, 0.15, at_most=True)
    if peer is not None:
        ratios = by_round(ring.per_s, contenders[-1].per_s)
        good &= report.hold(
            f"LLMRing / llmring 1.4.0, {title}, calls a second", ratios, target, at_most=False
        )
    return good


def streams(ours: Worker, peer: Worker | None, rounds: int, report: Report) -> None:
    """Measure chunks of streams, one stream at a time."""
    contenders = [
        Contender("AsyncOpenAICompatClient.events", ours, "client-stream", 5, per=N_CHUNKS),
        Contender("LLMRing.chat_stream", ours, "stream", 5, per=N_CHUNKS),
    ]
    if peer is not None:
        contenders.append(Contender("llmring 1.4.0", peer, "stream", 2, per=N_CHUNKS))
    measure(contenders, rounds, "A streamed chunk, one stream at a time", "chunks", report)


def files(folder: Path) -> None:
    """Write the lockfile of both, and the registry of the original."""
    (folder / "llmring.lock").write_text(LOCKFILE)
    models = folder / "registry" / "openai" / "models.json"
    models.parent.mkdir(parents=True)
    models.write_text(json.dumps(REGISTRY))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--peer-python", default=peer_python(), help="a Python that has llmring 1.4.0"
    )
    parser.add_argument("--noted", action="store_true", help="note calls in a temporary database")
    add_options(parser, rounds=9)
    args = parser.parse_args()
    report = Report("ring", ("aiohttp", "pydantic"))
    print(report)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        files(folder)
        os.environ["LLMRING_LOG_METADATA"] = "1" if args.noted else "0"
        os.environ["LLMRING_DATABASE_URL"] = str(folder / "noted.sqlite")
        base_url = stack.enter_context(fake_server())
        ours = stack.enter_context(Worker(sys.executable, base_url, folder))
        peer = None
        if args.peer_python:
            registry = (folder / "registry").as_uri()
            peer = stack.enter_context(Worker(args.peer_python, base_url, folder, registry))
        else:
            print("llmring 1.4.0: not available (run: python -m bench peers)")
        good = calls(ours, peer, args.rounds, 1, 5.0, report)
        good &= calls(ours, peer, args.rounds, IN_FLIGHT, 14.0, report)
        streams(ours, peer, args.rounds, report)
    report.write(args.json)
    return 0 if (good and peer is not None) or not args.check else 1


if __name__ == "__main__":
    sys.exit(main())
