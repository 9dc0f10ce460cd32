"""Parquet files, by pyarrow, which is imported here and nowhere else beside Ray's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from LLM.exceptions import LLMConfigError
from LLM.extras import how_to_add
from llm_kit.tables.chunks import CHUNK_ROWS, Chunk, cell, whole_text
from llm_kit.tables.csv import checked_columns
from llm_kit.tables.exceptions import table_error, unreadable

if TYPE_CHECKING:
    import pyarrow as pa

    from llm_kit.tables.chunks import Table


def require_pyarrow() -> None:
    """See that Parquet can be read and written.

    :raises LLMConfigError: pyarrow is not installed.
    """
    try:
        import pyarrow.parquet  # noqa: F401 - to see whether it is there
    except ModuleNotFoundError as err:
        raise LLMConfigError(
            f"Parquet files need the package pyarrow, which is not installed; {how_to_add('batch')}"
        ) from err


class ParquetTable:
    """A Parquet file of rows.

    :raises LLMConfigError: pyarrow is not installed.
    :raises BatchInputError: it cannot be read.
    """

    def __init__(self, path: Path) -> None:
        require_pyarrow()
        self.path = path
        with self._open() as file:
            self.schema = file.schema_arrow
        self.columns = checked_columns(path, self.schema.names)

    def chunks(self) -> Iterator[Chunk]:
        """All rows, from the beginning."""
        import pyarrow as pa

        with self._open() as file:
            try:
                for batch in file.iter_batches(batch_size=CHUNK_ROWS):
                    yield ArrowChunk(batch)
            except (OSError, pa.ArrowException) as err:
                raise table_error(self.path, f"cannot be read to its end: {err}") from err

    def _open(self) -> Any:
        import pyarrow as pa
        import pyarrow.parquet as pq

        try:
            # Python says more plainly than Arrow why a file cannot be opened.
            self.path.open("rb").close()
            return pq.ParquetFile(self.path)
        except pa.ArrowException as err:
            raise table_error(self.path, f"is no Parquet file: {err}") from err
        except OSError as err:
            raise unreadable(self.path, err) from err


class ArrowChunk:
    """Rows of a Parquet file, whose columns keep their types on the way into another."""

    def __init__(self, batch: pa.RecordBatch) -> None:
        self._batch = batch

    def __len__(self) -> int:
        n_rows: int = self._batch.num_rows
        return n_rows

    def rows(self, columns: Sequence[str]) -> list[dict[str, Any]]:
        """The values of some columns, row by row."""
        values = self._batch.select(list(columns)).to_pydict()
        return [{name: values[name][i] for name in columns} for i in range(len(self))]

    def cells(self) -> list[list[str]]:
        """All values as texts, row by row."""
        columns = [_texts(column) for column in self._batch.columns]
        return [list(row) for row in zip(*columns, strict=True)]

    def arrow(self, n_rows: int) -> pa.RecordBatch:
        """The first rows as they are."""
        return self._batch.slice(0, n_rows)


def _texts(column: pa.Array) -> list[str]:
    import pyarrow as pa

    if pa.types.is_temporal(column.type):
        # Python's times have no nanoseconds.
        column = column.cast(pa.string())
    return [cell(value) for value in column.to_pylist()]


def text_batch(columns: Sequence[str], rows: list[list[str]]) -> pa.RecordBatch:
    """Rows of texts as columns of texts."""
    import pyarrow as pa

    arrays = [pa.array([row[i] for row in rows], pa.string()) for i in range(len(columns))]
    return pa.RecordBatch.from_arrays(arrays, names=list(columns))


def schema_of(table: Table | None) -> pa.Schema:
    """The columns that a table hands on; none without a table."""
    import pyarrow as pa

    if isinstance(table, ParquetTable):
        return table.schema
    return pa.schema([pa.field(name, pa.string()) for name in table.columns] if table else [])


class ParquetWriter:
    """Writes a Parquet file, in a ``with`` block; what is written at once becomes a row group.

    :param carried: the columns that come from the input.
    :param further: names of those that stand behind them, and whether they are ``text`` or
        ``count``.
    """

    def __init__(self, path: Path, carried: pa.Schema, further: Sequence[tuple[str, str]]) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        types = {"text": pa.string(), "count": pa.int64()}
        self._further = [pa.field(name, types[kind]) for name, kind in further]
        self._schema = pa.schema([*carried, *self._further], metadata=carried.metadata)
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self._writer.close()

    def write(self, carried: pa.RecordBatch, values: list[list[Any]]) -> None:
        """Write rows.

        :param values: of each row, those of the columns behind what is carried.
        """
        import pyarrow as pa

        arrays = [
            pa.array([_storable(row[i]) for row in values], field.type)
            for i, field in enumerate(self._further)
        ]
        arrays = [*carried.columns, *arrays]
        self._writer.write_batch(pa.RecordBatch.from_arrays(arrays, schema=self._schema))


def _storable(value: Any) -> Any:
    return whole_text(value) if isinstance(value, str) else value
