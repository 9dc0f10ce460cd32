"""CSV files as RFC 4180 has them: commas, quotes, UTF-8, names of columns in the first line."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, TextIO

from llm_kit.tables.chunks import CHUNK_ROWS, Chunk, TextChunk
from llm_kit.tables.exceptions import table_error, unreadable

#: Longest cell, in characters; the module's own bound of 131,072 is below a long prompt.
MAX_CELL_CHARS = 64 << 20


class CsvTable:
    """A CSV file of rows.

    :raises BatchInputError: it cannot be read, or its first line does not name columns.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        with self._open() as file:
            names = next(self._lines(file), None)
        if names is None:
            raise table_error(path, "is empty; its first line must name the columns")
        self.columns = checked_columns(path, names)

    def chunks(self) -> Iterator[Chunk]:
        """All rows, from the beginning; empty lines are none."""
        with self._open() as file:
            rows = islice(self._lines(file), 1, None)
            while part := list(islice(rows, CHUNK_ROWS)):
                yield TextChunk(self.columns, part)

    def _lines(self, file: TextIO) -> Iterator[list[str]]:
        """The lines that are not empty, all of the length of the first."""
        reader = csv.reader(file, strict=True)
        n_cells = None
        # The bound is the whole process's; others may have set a larger one.
        csv.field_size_limit(max(csv.field_size_limit(), MAX_CELL_CHARS))
        try:
            for row in reader:
                if not row:
                    continue
                n_cells = n_cells or len(row)
                if len(row) != n_cells:
                    raise table_error(
                        self.path,
                        f"line {reader.line_num} has {len(row)} cells where the first line names "
                        f"{n_cells} columns; put cells that hold commas or quotes into quotes",
                    )
                yield row
        except csv.Error as err:
            raise table_error(self.path, f"line {reader.line_num} is no CSV: {err}") from None
        except UnicodeDecodeError as err:
            problem = f"is not UTF-8 text behind line {reader.line_num}: {err.reason}; convert it"
            raise table_error(self.path, problem) from None
        except OSError as err:
            raise unreadable(self.path, err) from err

    def _open(self) -> TextIO:
        try:
            # Excel puts a byte-order mark in front, and the module sees to the ends of lines.
            return self.path.open(encoding="utf-8-sig", newline="")
        except OSError as err:
            raise unreadable(self.path, err) from err


def checked_columns(path: Path, names: Iterable[str]) -> tuple[str, ...]:
    """Names of columns. :raises BatchInputError: two are the same, or one is empty."""
    columns = tuple(names)
    for name in columns:
        if not name or columns.count(name) > 1:
            what = f"two columns {name!r}" if name else "a column without a name"
            raise table_error(path, f"has {what}; name each column once")
    return columns


def csv_writer(file: TextIO) -> Any:
    """What writes rows to a file that is open with ``newline=""``: one of the module `csv`."""
    # A lone carriage return is only put in quotes where lines end in one.
    return csv.writer(file, lineterminator="\r\n")
