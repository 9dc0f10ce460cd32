"""Tables and JSON on standard output: readable on a terminal, clean in a pipe."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from typing import Any

import click

from local_llm_kit.cli.terminal import printable_line

_GAP = "  "
_SHORTEST = 12


def echo_table(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Write rows under headings, each column as wide as it must be, no space behind the last.

    A terminal that is too narrow gets a shorter first column; a pipe gets everything.
    """
    width = shutil.get_terminal_size().columns if sys.stdout.isatty() else None
    for line in table(headings, rows, width):
        click.echo(line)


def table(
    headings: Sequence[str],
    rows: Sequence[Sequence[str]],
    width: int | None = None,
    *,
    numbers: bool = False,
) -> list[str]:
    """The lines of a table.

    :param width: characters of a line; None sets no bound.
    :param numbers: cells stand at the right of their columns.
    """
    cells = [[printable_line(cell) for cell in row] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    if width is not None:
        rest = sum(widths[1:]) + len(_GAP) * (len(widths) - 1)
        widths[0] = min(widths[0], max(width - rest, _SHORTEST))
    place = str.rjust if numbers else str.ljust
    return [
        _GAP.join(
            place(_cut(cell, size), size) for cell, size in zip(row, widths, strict=True)
        ).rstrip()
        for row in cells
    ]


def _cut(text: str, width: int) -> str:
    return text if len(text) <= width else text[: width - 1] + "…"


def echo_json(value: Any) -> None:
    """Write a value as JSON; paths may be among it."""
    text = json.dumps(value, indent=2, ensure_ascii=False, default=os.fspath)
    # What could steer a terminal, and what of a file's name is no UTF-8, becomes an escape.
    click.echo("".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text))


def utc(seconds: float) -> str:
    """A moment as JSON tells it, in UTC.

    :param seconds: since the epoch.
    """
    return time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(seconds))


def day(seconds: float) -> str:
    """A moment as tables tell it, in local time.

    :param seconds: since the epoch.
    """
    return time.strftime("%Y-%m-%d %H:%M", time.localtime(seconds))
