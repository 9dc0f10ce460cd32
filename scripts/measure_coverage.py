"""Which lines of the six packages the tests run: what `scripts/coverage` runs.

Lines count that run in the tests' own process, in the workers that share the tests, and in every
Python process that these start. `[tool.coverage]` in pyproject.toml has the settings.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import environment
import system_packages

_USAGE = """\
usage: scripts/coverage [--add] [pytest arguments]

Run the tests and report the lines that none of them ran. With --add, what earlier runs found
counts too, so that the tests can be run in parts.
"""
#: Most processes that share the tests; measured, each test takes up to twice as long.
_MAX_WORKERS = 4


def main(arguments: Sequence[str]) -> int:
    """Run the tests, then report.

    :return: the exit code: 0 all passed and enough is covered, 2 by coverage when it is not, else
        that of the step that failed.
    """
    if {"-h", "--help"} & set(arguments):
        print(_USAGE, end="")
        return 0
    try:
        python = environment.prepare("test")
        system_packages.ensure_programs()
    except environment.SetupError as err:
        print(f"error: {err}", file=sys.stderr)
        return 1
    codes = [_run(python, step) for step in steps(arguments, os.cpu_count() or 1)]
    return next((code for code in codes if code), 0)


def steps(arguments: Sequence[str], n_cores: int) -> list[list[str]]:
    """The modules to run, each with its arguments.

    :param arguments: of the command line.
    """
    tests = [argument for argument in arguments if argument != "--add"]
    workers = ["-n", str(min(n_cores, _MAX_WORKERS)), "--dist", "loadfile"]
    run = ["coverage", "run", "-m", "pytest", *(tests or workers)]
    report = [["coverage", "combine", "--append", "--quiet"], ["coverage", "report"]]
    if "--add" in arguments:
        return [run, *report]
    return [["coverage", "erase"], run, *report]


def _run(python: Path, step: Sequence[str]) -> int:
    print(f"$ {shlex.join(step)}", flush=True)
    return subprocess.run([str(python), "-m", *step], cwd=environment.ROOT, check=False).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        print("\ninterrupted", file=sys.stderr)
        sys.exit(130)
