"""A job's output that is a table: made of the journal when the job is complete, in one step."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LLM.batch.exceptions import BatchOutputError
from LLM.batch.files import replacing
from LLM.batch.lines import read_line
from llm_kit.tables import open_table
from llm_kit.tables.answers import ANSWER_COLUMNS, LINE_COLUMN, answer_values
from llm_kit.tables.chunks import CHUNK_ROWS, Chunk, TextChunk, cell

if TYPE_CHECKING:
    from llm_kit.tables.chunks import Table

_ID = ("custom_id", "text")
_NAMES = tuple(name for name, _ in ANSWER_COLUMNS)


class TableOutput:
    """The columns of the input beside those of the answers; see `LLM.batch.output.Output`.

    :param path: the table; its suffix says of which kind.
    :param table: the input, where that is a table too. Its columns are carried.
    :raises BatchOutputError: the input has a column of the name of an answer's.
    :raises LLMConfigError: a package is missing.
    """

    def __init__(self, path: Path, table: Table | None) -> None:
        self.path = path
        self._table = table
        self._is_csv = path.suffix.lower() == ".csv"
        if not self._is_csv:
            from llm_kit.tables.parquet import require_pyarrow

            require_pyarrow()
        self._carried = () if table is None else table.columns
        #: The columns behind those that are carried.
        self._further = ANSWER_COLUMNS if _ID[0] in self._carried else (_ID, *ANSWER_COLUMNS)
        for name in _NAMES:
            if table is not None and name in table.columns:
                raise BatchOutputError(
                    f"{str(table.path)!r} has a column {name!r}, which the output would have "
                    "twice; give it another name"
                )

    def known(self) -> Iterator[bytes]:
        """The lines that a table which exists was made of: its last column.

        :raises BatchOutputError: it was not made by a job.
        """
        if not self.path.exists():
            return
        table = open_table(self.path)
        if table.columns[-len(_NAMES) :] != _NAMES:
            raise BatchOutputError(
                f"{str(self.path)!r} was not made by a job: its last columns are not "
                f"{', '.join(_NAMES)}; name another output, or remove it"
            )
        for chunk in table.chunks():
            for row in chunk.rows([LINE_COLUMN]):
                yield str(row[LINE_COLUMN]).encode() + b"\n"

    def finish(self, lines: Iterable[bytes]) -> None:
        """Write the table, row by row as the input has them, and put it in its place."""
        with replacing(self.path) as partial:
            (self._write_csv if self._is_csv else self._write_parquet)(partial, iter(lines))

    def _write_csv(self, path: Path, lines: Iterator[bytes]) -> None:
        from llm_kit.tables.csv import csv_writer

        with path.open("x", encoding="utf-8", newline="") as file:
            writer = csv_writer(file)
            writer.writerow([*self._carried, *(name for name, _ in self._further)])
            for carried, answers in self._parts(lines):
                rows = zip(carried.cells(), answers, strict=False)
                writer.writerows([*cells, *map(cell, values)] for cells, values in rows)

    def _write_parquet(self, path: Path, lines: Iterator[bytes]) -> None:
        from llm_kit.tables.parquet import ParquetWriter, schema_of

        with ParquetWriter(path, schema_of(self._table), self._further) as writer:
            for carried, answers in self._parts(lines):
                writer.write(carried.arrow(len(answers)), answers)

    def _parts(self, lines: Iterator[bytes]) -> Iterator[tuple[Chunk, list[list[Any]]]]:
        """Rows that are carried, and the values behind them, which a job's limit may end sooner."""
        values = map(self._values, lines)
        if self._table is None:
            while part := list(islice(values, CHUNK_ROWS)):
                yield TextChunk((), [[] for _ in part]), part
            return
        for chunk in self._table.chunks():
            part = list(islice(values, len(chunk)))
            if not part:
                return
            yield chunk, part
        if next(lines, None) is not None:
            raise BatchOutputError(
                f"{str(self._table.path)!r} has fewer rows than when the job began; put it back as "
                "it was, and the same call goes on"
            )

    def _values(self, line: bytes) -> list[Any]:
        record = read_line(line)
        if record is None:
            raise BatchOutputError(f"the journal of {str(self.path)!r} was changed; remove it")
        values = answer_values(record, line)
        return [values[name] for name, _ in self._further]
