"""CPU and memory of `import LLM` against `import requests`, interleaved fresh processes.

    python bench/imports.py [--rounds 15] [--check]

`--check` ends with exit status 1 when the ratio of CPU is above 2 or the memory above 40 MiB.
Byte-compiled files are used, as users have them after the first run.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys

MODULES = ("requests", "LLM", "openai", "local_llm_kit")
PROBE = (
    "import resource, time; start = time.process_time(); import {}; "
    "print((time.process_time() - start) * 1e3,"
    " resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)"
)


def measure(module: str) -> tuple[float, float]:
    """CPU in milliseconds that the import takes, and the process's peak memory in MiB."""
    env = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    command = [sys.executable, "-c", PROBE.format(module)]
    output = subprocess.run(command, env=env, capture_output=True, text=True, check=True).stdout
    cpu_ms, mib = output.split()
    return float(cpu_ms), float(mib)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    taken: dict[str, list[tuple[float, float]]] = {module: [] for module in MODULES}
    for module in MODULES:
        measure(module)
    for _ in range(args.rounds):
        for module in MODULES:
            taken[module].append(measure(module))
    for module, values in taken.items():
        cpu = [value[0] for value in values]
        print(
            f"import {module:<14}{statistics.median(cpu):8.1f} ms CPU "
            f"({min(cpu):.1f} to {max(cpu):.1f}){max(value[1] for value in values):8.1f} MiB"
        )
    pairs = zip(taken["LLM"], taken["requests"], strict=True)
    ratio = statistics.median(ours[0] / theirs[0] for ours, theirs in pairs)
    mib = max(value[1] for value in taken["LLM"])
    good = ratio <= 2.0 and mib <= 40.0
    print(f"LLM / requests {ratio:.2f} (target 2.00), {mib:.1f} MiB (target 40): ", end="")
    print("met" if good else "MISSED")
    return 0 if good or not args.check else 1


if __name__ == "__main__":
    sys.exit(main())
