"""Rows of a table, some at a time, so that a table of any size takes the memory of a few."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import pyarrow as pa

#: Rows that are held at once, and a row group of a Parquet file that is written: long answers make
#: a megabyte of some hundred rows.
CHUNK_ROWS = 1000


class Chunk(Protocol):
    """Some rows of a table, one behind another."""

    def __len__(self) -> int:
        """How many rows they are."""
        ...

    def rows(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """The values of some columns, row by row."""
        ...

    def cells(self) -> list[list[str]]:
        """All values as texts, row by row, for CSV."""
        ...

    def arrow(self, n_rows: int) -> pa.RecordBatch:
        """The first rows, for Parquet."""
        ...


class Table(Protocol):
    """A file of rows.

    :param columns: their names, in order, no two the same.
    """

    path: Path
    columns: tuple[str, ...]

    def chunks(self) -> Iterator[Chunk]:
        """All rows, from the beginning.

        :raises BatchInputError: the file cannot be read.
        """
        ...


class TextChunk:
    """Rows of texts.

    :param columns: their names.
    :param rows: as many texts each.
    """

    def __init__(self, columns: Sequence[str], rows: list[list[str]]) -> None:
        self._columns = columns
        self._rows = rows

    def __len__(self) -> int:
        return len(self._rows)

    def rows(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """The texts of some columns, row by row."""
        places = [(name, self._columns.index(name)) for name in columns]
        return [{name: row[place] for name, place in places} for row in self._rows]

    def cells(self) -> list[list[str]]:
        """All texts, row by row."""
        return self._rows

    def arrow(self, n_rows: int) -> pa.RecordBatch:
        """The first rows as columns of texts."""
        from llm_kit.tables.parquet import text_batch

        return text_batch(self._columns, self._rows[:n_rows])


def cell(value: Any) -> str:
    """A value as CSV has it: texts and numbers as they are, nothing for None, JSON for the rest."""
    if value is None:
        return ""
    if isinstance(value, str):
        return whole_text(value)
    if isinstance(value, (list, dict, bool)):
        return json.dumps(value, ensure_ascii=False, default=str)
    if isinstance(value, (bytes, bytearray)):
        return value.hex()
    return str(value)


def whole_text(text: str) -> str:
    """A text that files can hold: half a surrogate pair, which JSON may name, becomes ``?``."""
    return text if text.isascii() else text.encode("utf-8", "replace").decode("utf-8")
