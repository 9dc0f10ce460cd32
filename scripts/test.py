"""Linters, types and tests, in an environment of their own: what `scripts/test` runs.

With pytest arguments only pytest runs, in one process. All steps run, even after one has failed, so
that one look at the output tells everything.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path

import environment
import processes
import system_packages

#: Most processes that share the tests. Each takes up to 2 GiB, and starts a server, a database and
#: a browser of its own.
_MAX_WORKERS = 4


def main() -> int:
    """Run the steps.

    :return: the exit code: 0 all passed, 1 some failed, 130 interrupted.
    """
    quick, pytest_arguments = _parse()
    signal.signal(signal.SIGTERM, lambda number, _: sys.exit(128 + number))
    try:
        python = environment.prepare("test")
        system_packages.ensure_programs()
        failed = [step for step in _steps(quick, pytest_arguments) if not _passes(python, step)]
    except environment.SetupError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        return 130
    for step in failed:
        print(f"failed: {shlex.join(step)}", file=sys.stderr)
    return 1 if failed else 0


def _parse() -> tuple[bool, list[str]]:
    parser = argparse.ArgumentParser(
        prog="scripts/test",
        usage="%(prog)s [--quick] [pytest arguments]",
        description="Run linters, types and tests; with pytest arguments, only pytest.",
    )
    parser.add_argument("--quick", action="store_true", help="leave out the slow tests")
    known, pytest_arguments = parser.parse_known_args()
    return known.quick, pytest_arguments


def _steps(quick: bool, pytest_arguments: list[str]) -> list[list[str]]:
    pytest = ["pytest", *(["-m", "not slow"] if quick else [])]
    if pytest_arguments:
        return [[*pytest, *pytest_arguments]]
    # Tests of one file stay together: they share servers and browsers.
    workers = min(os.cpu_count() or 1, _MAX_WORKERS)
    pytest += ["-n", str(workers), "--dist", "loadfile"]
    return [["ruff", "check"], ["ruff", "format", "--check"], ["mypy"], pytest]


def _passes(python: Path, step: list[str]) -> bool:
    print(f"$ {shlex.join(step)}", flush=True)
    began = time.monotonic()
    # -m rather than the environment's bin folder, which need not be on the path.
    process = subprocess.Popen([str(python), "-m", *step], cwd=environment.ROOT)
    try:
        passed = process.wait() == 0
    except KeyboardInterrupt:
        # The terminal's Ctrl-C has reached it too: let it tell what it was at.
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(processes.GRACE_S)
        raise
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    print(f"  {'passed' if passed else 'FAILED'} in {time.monotonic() - began:.0f} s", flush=True)
    return passed


if __name__ == "__main__":
    sys.exit(main())
