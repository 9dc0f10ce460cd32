"""What a benchmark found: held against its targets, printed, and written as JSON.

`plots.py` makes the tables and the pictures of `docs/benchmarks.md` of what is written here.
"""

from __future__ import annotations

import argparse
import datetime
import json
import os
import platform
import shlex
import statistics
import sys
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

#: Options whose values say where things are on this machine.
_PLACES = ("--json", "--models", "--peer-python")


class Report:
    """The findings of one run.

    :param bench: its name, which the file of its findings has.
    :param packages: distributions whose versions the figures depend on.
    :param command: what follows `python -m bench`; None takes what this process was started with.
    """

    def __init__(
        self, bench: str, packages: Sequence[str] = (), command: Sequence[str] | None = None
    ) -> None:
        self._head: dict[str, Any] = {
            "bench": bench,
            "command": shlex.join(["python", "-m", "bench", *(command or _command(bench))]),
            "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
            "machine": machine(),
            "versions": {name: _version(name) for name in packages},
        }
        self._figures: dict[tuple[str, str, str], dict[str, Any]] = {}
        self._targets: list[dict[str, Any]] = []

    def __str__(self) -> str:
        parts = [f"Python {platform.python_version()}"]
        parts += [f"{name} {found}" for name, found in self._head["versions"].items()]
        return ", ".join(parts)

    def add(
        self, table: str, row: str, column: str, values: Sequence[float], absent: str = ""
    ) -> None:
        """Note one cell of a table.

        :param values: one a round.
        :param absent: why there are none.
        """
        key = {"table": table, "row": row, "column": column}
        found = spread(values) if values else {"absent": absent}
        self._figures[table, row, column] = key | found

    def hold(
        self, what: str, values: Sequence[float], target: float, *, at_most: bool, show: bool = True
    ) -> bool:
        """Hold the median of `values` against a target, note both, and print them.

        :param values: one a round; none if something could not be measured, which misses it.
        :return: whether the target is met.
        """
        found = spread(values) if values else {}
        good = bool(found) and (found["median"] <= target if at_most else found["median"] >= target)
        self._targets.append(
            {"what": what, **found, "target": target, "at_most": at_most, "met": good}
        )
        if show:
            measured = (
                f"{found['median']:8.2f} ({found['low']:.2f} to {found['high']:.2f})"
                if found
                else "not available"
            )
            bound = f"at {'most' if at_most else 'least'} {target:g}"
            print(f"  {what:<56}{measured:<27} {bound}: {'met' if good else 'MISSED'}")
        return good

    def write(self, path: Path | None) -> None:
        """Write all to a file; nowhere with None."""
        if path is None:
            return
        found = {**self._head, "figures": list(self._figures.values()), "targets": self._targets}
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(found, indent=1, ensure_ascii=False) + "\n", "utf-8")


def by_round(mine: Sequence[float], theirs: Sequence[float]) -> list[float]:
    """The ratio in each round."""
    return [a / b for a, b in zip(mine, theirs, strict=True)]


def spread(values: Sequence[float]) -> dict[str, float]:
    """Median, smallest and largest of the rounds, to four digits, and how many those were."""
    low, median, high = min(values), statistics.median(values), max(values)
    four = {"median": median, "low": low, "high": high}
    return {name: float(f"{value:.4g}") for name, value in four.items()} | {"rounds": len(values)}


def machine() -> dict[str, Any]:
    """What the figures depend on; `load` is how many processes ran when the benchmark began."""
    return {
        "cpu": _cpu(),
        "cores": os.cpu_count(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
        "load": round(os.getloadavg()[0], 1),
    }


def add_options(parser: argparse.ArgumentParser, *, rounds: int) -> None:
    """What every benchmark can be told."""
    parser.add_argument("--rounds", type=int, default=rounds)
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the findings there too")
    parser.add_argument("--check", action="store_true", help="exit status 1 if a target is missed")


def _command(bench: str) -> list[str]:
    """What this process was told, without what says where things are on this machine."""
    kept, skip = [bench], False
    for argument in sys.argv[1:]:
        if not skip and argument.partition("=")[0] not in _PLACES:
            kept.append(argument)
        skip = argument in _PLACES
    return kept


def _cpu() -> str:
    """The processor's name, as far as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return platform.processor()
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor()


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
