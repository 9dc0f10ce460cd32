"""CPU and memory of importing, in interleaved fresh processes.

    python bench/imports.py [--rounds 15] [--peer-python PATH] [--check] [--json FILE]

`import LLM` is held against `import requests`, and `LLMRing`, which is llmring with all that it
loads before a first call, against that of the original llmring: that of the Python at
`--peer-python` (``pip install llmring==1.4.0``). `--check` ends with exit status 1 when a figure
misses its target. Byte-compiled files are used, as users have them after the first run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
from pathlib import Path

from peers import peer_python
from report import Report, add_options, by_round

RING = "from llmring import LLMRing"
STATEMENTS = (
    "import requests",
    "import LLM",
    "import openai",
    "import local_llm_kit",
    "import llmring",
    RING,
)
ORIGINAL = "the same, of llmring 1.4.0"
PROBE = (
    "import resource, time; start = time.process_time(); {}; "
    "print((time.process_time() - start) * 1e3,"
    " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
)
ROOT = Path(__file__).parent.parent


def measure(python: str, statement: str) -> tuple[float, float]:
    """CPU in milliseconds that the import takes, and the process's peak memory in MiB."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    env["PYTHONPATH"] = str(ROOT) if python == sys.executable else ""
    command = [python, "-P", "-c", PROBE.format(statement)]
    output = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    cpu_ms, mib = output.split()
    return float(cpu_ms), float(mib)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument(
        "--peer-python", default=peer_python(), help="a Python that has llmring 1.4.0"
    )
    add_options(parser, rounds=15)
    args = parser.parse_args()
    report = Report("imports", ("requests", "pydantic", "openai"))
    print(report)
    contenders = {statement: (sys.executable, statement) for statement in STATEMENTS}
    if args.peer_python:
        contenders[ORIGINAL] = (args.peer_python, RING)
    for contender in contenders.values():
        measure(*contender)
    cpu_ms: dict[str, list[float]] = {name: [] for name in contenders}
    mib: dict[str, list[float]] = {name: [] for name in contenders}
    for _ in range(args.rounds):
        for name, contender in contenders.items():
            taken = measure(*contender)
            cpu_ms[name].append(taken[0])
            mib[name].append(taken[1])
    for name, values in cpu_ms.items():
        row = name if name == ORIGINAL else f"`{name}`"
        report.add("An import", row, "CPU, ms", values)
        report.add("An import", row, "memory of the process, MiB", mib[name])
        print(
            f"{name:<30}{statistics.median(values):8.1f} ms CPU "
            f"({min(values):.1f} to {max(values):.1f}){max(mib[name]):8.1f} MiB"
        )
    ratios = by_round(cpu_ms["import LLM"], cpu_ms["import requests"])
    good = report.hold("LLM / requests, CPU", ratios, 2.0, at_most=True)
    good &= report.hold("LLM, MiB", mib["import LLM"], 40.0, at_most=True)
    good &= report.hold("LLMRing, ms of CPU", cpu_ms[RING], 400.0, at_most=True)
    good &= report.hold("LLMRing, MiB", mib[RING], 50.0, at_most=True)
    report.write(args.json)
    return 0 if good or not args.check else 1


if __name__ == "__main__":
    sys.exit(main())
