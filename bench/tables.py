"""Findings as Markdown: what they depend on, the medians with their spread, the targets."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from typing import Any

from chart import number_of


def tables(found: dict[str, Any], between: str = "") -> str:
    """The command, the machine, the tables, and what was missed.

    :param found: what a report wrote.
    :param between: stands before the tables.
    """
    head = f"```console\n$ {found['command']}\n```\n\n{_conditions(found)}\n\n"
    figures = found["figures"]
    names = dict.fromkeys(figure["table"] for figure in figures)
    parts = [_table([one for one in figures if one["table"] == name]) for name in names]
    if found["targets"]:
        parts.append(_targets(found["targets"]))
    return head + between + "\n".join(parts)


def _conditions(found: dict[str, Any]) -> str:
    machine, versions = found["machine"], found["versions"]
    packages = [f"{name} {version}" for name, version in versions.items() if version]
    rounds = statistics.mode([one["rounds"] for one in found["figures"] if "rounds" in one] or [0])
    values = f"medians of {rounds} rounds, with the smallest and the largest"
    parts = [f"{machine['cores']} cores", machine["cpu"], machine["system"]]
    python = ", ".join([f"Python {machine['python']}", *packages])
    return (
        f"Measured on {found['date']} on {', '.join(parts)}, with a load of {machine['load']} when"
        f" it began; {python}; {values if rounds > 1 else 'one round'}."
    )


def _table(figures: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys(one["column"] for one in figures))
    cells = {(one["row"], one["column"]): _cell(one) for one in figures}
    rows = dict.fromkeys(one["row"] for one in figures)
    body = ([row, *(cells.get((row, column), "") for column in columns)] for row in rows)
    absent = dict.fromkeys(one["absent"] for one in figures if one.get("absent"))
    reasons = "".join(f"\nNot available: {reason}\n" for reason in absent)
    return _lines([figures[0]["table"], *columns], body) + reasons


def _targets(targets: list[dict[str, Any]]) -> str:
    rows = []
    for one in targets:
        bound = f"at {'most' if one['at_most'] else 'least'} {one['target']:g}"
        rows.append([one["what"], _cell(one), bound + ("" if one["met"] else ", missed")])
    return _lines(["held against a target", "measured", "target"], rows)


def _cell(one: dict[str, Any]) -> str:
    """The median with its spread, if there is one."""
    if "median" not in one:
        return "not available"
    if one["low"] == one["high"]:
        return number_of(one["median"])
    low, high = number_of(one["low"]), number_of(one["high"])
    return f"{number_of(one['median'])} ({low} to {high})"


def _lines(head: list[str], rows: Iterable[list[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', '/') for cell in line)} |\n" for line in lines)
