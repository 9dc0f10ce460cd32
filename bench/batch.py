"""Jobs against a plain loop of `AsyncLLM`: throughput, memory, and jobs that are killed.

    python bench/batch.py [--rounds 5] [--requests 20000] [--in-flight 64] [--kills 10] [--check]
        [--json FILE]

Every contender makes the same calls of `fake_server.py` in another process. The plain loop is a
gather of `chat_completion` under a semaphore; a job reads a file and writes one. A round runs both
in turn, each in a process of its own, so that the machine's drift meets both alike and neither
finds the other's memory; ratios are taken round by round. What is then killed is a job of as many
requests, at random points: its output must hold each request once, and none that it held already
may be asked again. `--check` ends with exit status 1 when a target is missed.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from remote import fake_server
from report import Report, add_options, by_round

from LLM import LLM, AsyncLLM, LLMConfig

#: A job's throughput over the plain loop's, and memory of a large job over a small one's.
LEAST_RATIO, MOST_GROWTH = 0.8, 1.1
COLUMNS = ("requests a second", "CPU of a request, µs", "peak memory, MiB")


def message(n: int) -> list[dict[str, str]]:
    return [{"role": "user", "content": f"Name a bee that is number {n} of its hive."}]


def write_requests(path: Path, n_requests: int) -> None:
    """A file of requests in OpenAI's batch format."""
    with path.open("w") as file:
        for n in range(n_requests):
            body = {"messages": message(n), "temperature": 0.7}
            line = {"custom_id": f"r{n}", "method": "POST", "url": "/v1/chat/completions"}
            file.write(json.dumps({**line, "body": body}) + "\n")


def config(base: str) -> LLMConfig:
    return LLMConfig(base_url=base, model="gpt-4o")


async def plain(base: str, n_requests: int, in_flight: int) -> None:
    """The calls of a job without a job around them."""
    places = asyncio.Semaphore(in_flight)
    async with AsyncLLM(config(base)) as llm:

        async def call(n: int) -> None:
            async with places:
                assert (await llm.chat_completion(message(n))).text

        await asyncio.gather(*(call(n) for n in range(n_requests)))


def play(contender: str, base: str, folder: str, n_requests: int, in_flight: int) -> None:
    """In a process of its own: run once, and print what it took."""
    with LLM(config(base)) as llm:
        llm.batch(["warm up"], progress=False)
    n_sent = 0
    begun, cpu = time.perf_counter(), time.process_time()
    if contender == "plain":
        asyncio.run(plain(base, n_requests, in_flight))
    else:
        source, output = Path(folder, "in.jsonl"), Path(folder, "out.jsonl")
        with LLM(config(base)) as llm:
            report = llm.batch(source, output, concurrency=in_flight, progress=False)
            n_sent = llm.get_request_count()
        assert report.n_answered == n_requests
    wall, cpu = time.perf_counter() - begun, time.process_time() - cpu
    peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps([n_requests / wall, cpu / n_requests * 1e6, peak_mib, n_sent]))


def child(contender: str, base: str, folder: Path, n_requests: int, in_flight: int) -> list[str]:
    numbers = [str(n_requests), str(in_flight)]
    return [sys.executable, __file__, "--play", contender, base, str(folder), *numbers]


def measured(contender: str, base: str, n_requests: int, in_flight: int) -> list[float]:
    """Requests a second, CPU a request in µs, peak memory in MiB, and requests sent, of one run."""
    with tempfile.TemporaryDirectory() as name:
        write_requests(Path(name, "in.jsonl"), n_requests)
        command = child(contender, base, Path(name), n_requests, in_flight)
        run = subprocess.run(command, check=True, capture_output=True, text=True)
    values: list[float] = json.loads(run.stdout.splitlines()[-1])
    return values


def throughput(base: str, rounds: int, n_requests: int, in_flight: int, report: Report) -> bool:
    """Print and note the table. :return: whether the targets are met."""
    found: dict[str, list[list[float]]] = {"plain": [], "batch": []}
    for _ in range(rounds):
        for name, values in found.items():
            values.append(measured(name, base, n_requests, in_flight))
    print(f"\n  {'':<24}{'requests/s':>12}{'CPU, µs':>10}{'peak, MiB':>11}")
    for name, label in (("plain", "AsyncLLM in a loop"), ("batch", "LLM.batch")):
        columns = list(zip(*found[name], strict=True))
        for title, column in zip(COLUMNS, columns, strict=False):
            report.add("A job", label, title, column)
        rate, cpu, peak = (statistics.median(column) for column in columns[:3])
        print(f"  {label:<24}{rate:12,.0f}{cpu:10.0f}{peak:11.1f}")
    rates = {name: [value[0] for value in values] for name, values in found.items()}
    ratio = by_round(rates["batch"], rates["plain"])
    small = [measured("batch", base, n_requests // 10, in_flight)[2] for _ in range(rounds)]
    growth = by_round([value[2] for value in found["batch"]], small)
    print()
    return all(
        [
            report.hold("throughput / plain loop", ratio, LEAST_RATIO, at_most=False),
            report.hold("peak memory / a tenth of the job", growth, MOST_GROWTH, at_most=True),
        ]
    )


def killed(base: str, n_kills: int, n_requests: int, in_flight: int) -> bool:
    """Kill a job at random points, then let it end. :return: whether all was kept."""
    with tempfile.TemporaryDirectory() as name:
        folder, output = Path(name), Path(name, "out.jsonl")
        write_requests(folder / "in.jsonl", n_requests)
        command = child("batch", base, folder, n_requests, in_flight)
        held: list[str] = []
        for n in range(n_kills):
            # Each time somewhere in the part that is left, by what the file has grown to.
            target = len(held) + random.randrange(1, max(2, (n_requests - len(held)) // 4))
            held = _killed_at(command, output, target)
            if len(held) != len(set(held)):
                print(f"  kill {n + 1}: {len(held) - len(set(held))} lines twice")
                return False
        begun = len(_whole_lines(output))
        run = subprocess.run(command, check=True, capture_output=True, text=True)
        n_sent = json.loads(run.stdout.splitlines()[-1])[3]
        ids = _whole_lines(output)
    good = sorted(ids) == sorted(f"r{n}" for n in range(n_requests)) and ids[:begun] == held
    good &= n_sent == n_requests - begun
    n_twice, n_lost = len(ids) - len(set(ids)), n_requests - len(set(ids))
    print(
        f"\n  killed {n_kills} times, the last time at {begun:,} lines; the next sent {n_sent:,}:"
        f" {len(ids):,} lines, {n_twice} twice, {n_lost} lost: {'met' if good else 'MISSED'}"
    )
    return good


def _killed_at(command: list[str], output: Path, n_lines: int) -> list[str]:
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as job:
        while job.poll() is None and _n_lines(output) < n_lines:
            time.sleep(0.005)
        job.kill()
    return _whole_lines(output)


def _n_lines(path: Path) -> int:
    return path.read_bytes().count(b"\n") if path.exists() else 0


def _whole_lines(path: Path) -> list[str]:
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [json.loads(line)["custom_id"] for line in lines if line.endswith(b"\n")]


def main() -> None:
    if sys.argv[1:2] == ["--play"]:
        contender, base, folder, *numbers = sys.argv[2:]
        play(contender, base, folder, *map(int, numbers))
        return
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--requests", type=int, default=20_000)
    parser.add_argument("--in-flight", type=int, default=64)
    parser.add_argument("--kills", type=int, default=10)
    add_options(parser, rounds=5)
    given = parser.parse_args()
    report = Report("batch", ("aiohttp",))
    print(f"{report}, {given.requests:,} requests, {given.in_flight} open")
    with fake_server() as base:
        good = throughput(base, given.rounds, given.requests, given.in_flight, report)
        good &= killed(base, given.kills, given.requests, given.in_flight)
    report.write(given.json)
    sys.exit(given.check and not good)


if __name__ == "__main__":
    main()
