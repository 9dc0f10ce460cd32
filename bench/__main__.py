"""The front door of the benchmarks.

    python -m bench                      what there is, what it needs, how long it takes
    python -m bench NAME [OPTIONS]       run one; --help tells its options
    python -m bench peers                make the environment of the peers that cannot be in ours
    python -m bench models               make the models of random weights
    python -m bench plots                draw the plots of docs/benchmarks.md and fill its tables

Run it in the repository's folder, in an environment with what `requirements.txt` pins. A benchmark
that records writes `bench/results/NAME.json`, which `plots` reads; `--json FILE` writes elsewhere.
Minutes are those of two cores.
"""

from __future__ import annotations

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent
RESULTS = HERE / "results"


@dataclass(frozen=True)
class Bench:
    """One benchmark.

    :param script: its file.
    :param what: what it measures.
    :param minutes: about how long it takes with its own settings.
    :param needs: beyond `requirements.txt`: "peers", "models", or in words.
    :param records: whether it writes findings as JSON.
    """

    script: str
    what: str
    minutes: float
    needs: str = ""
    records: bool = True


BENCHES = {
    "remote": Bench("remote.py", "CPU of a blocking call: requests, the openai SDK", 2),
    "async": Bench("async_clients.py", "256 calls in flight: aiohttp, httpx2, the openai SDK", 4),
    "local": Bench(
        "local.py", "the engine: llama-server, llama-cpp-python, transformers", 60,
        "models; peers; pip install xllamacpp",
    ),
    "server": Bench(
        "server.py", "`serve` at 1, 8, 200 clients: llama_cpp.server", 7, "models; peers"
    ),
    "imports": Bench("imports.py", "CPU and memory of imports: llmring 1.4.0", 2, "peers"),
    "ring": Bench("ring.py", "what llmring adds to a call: llmring 1.4.0", 4, "peers"),
    "batch": Bench("batch.py", "jobs of many requests: a plain loop", 10),
    "first_steps": Bench(
        "first_steps.py", "from a clone to the first replies", 4, "git, Chromium; nothing installed"
    ),
    "ray_batch": Bench("ray_batch.py", "what Ray adds to a request", 1, records=False),
    "conversations": Bench(
        "conversations.py", "a store of conversations as it grows", 5, records=False
    ),
    "llmring_server": Bench(
        "llmring_server.py", "requests a second of the llmring server", 1, records=False
    ),
    "cassettes": Bench("cassettes.py", "what a cassette costs", 1, records=False),
    "telemetry": Bench("telemetry.py", "what telemetry costs", 1, records=False),
}  # fmt: skip
MODELS = (("speed", "f32"), ("half", "q4_0", "q8_0"), ("vocab", "q8_0"))


def command_of(name: str, options: list[str]) -> list[str]:
    """What runs a benchmark.

    :param options: those of its script. A short trial (``--quick``) is not recorded.
    """
    bench = BENCHES[name]
    command = [sys.executable, str(HERE / bench.script), *options]
    chosen = {option.partition("=")[0] for option in options}
    if bench.records and not chosen & {"--json", "--quick", "--help", "-h"}:
        command += ["--json", str(RESULTS / f"{name}.json")]
    return command


def listing() -> str:
    """A line for each benchmark."""
    lines = [f"{'':<16}{'minutes':>8}  what it measures, against whom"]
    for name, bench in BENCHES.items():
        lines.append(f"{name:<16}{bench.minutes:>8g}  {bench.what}")
        if bench.needs:
            lines.append(f"{'':<26}needs {bench.needs}")
    return "\n".join(lines)


def models() -> int:
    """Make the models of random weights, one kind after another."""
    for kind, *types in MODELS:
        options = [part for name in types for part in ("--type", name)]
        command = ["scripts/make-random-model", kind, "build/models", *options]
        status = subprocess.run(command, cwd=ROOT, check=False).returncode
        if status:
            return status
    return 0


def main() -> int:
    """Do what the first argument says. :return: the exit status."""
    name, *options = sys.argv[1:] or ["--help"]
    if name in ("-h", "--help"):
        print(f"{__doc__}\n{listing()}")
        return 0
    if name == "models":
        return models()
    if name in ("peers", "plots"):
        command = [sys.executable, str(HERE / f"{name}.py"), *options]
    elif name in BENCHES:
        command = command_of(name, options)
    else:
        known = ", ".join([*BENCHES, "peers", "models", "plots"])
        print(f"error: unknown benchmark {name!r}; there are: {known}", file=sys.stderr)
        return 2
    try:
        return subprocess.run(command, check=False).returncode
    except KeyboardInterrupt:  # which has ended the child too
        return 130


if __name__ == "__main__":
    sys.exit(main())
