"""Jobs whose requests and answers are tables: CSV and Parquet, by the suffix of the file.

A row is a request: one of the columns `prompt`, `messages`, `input` and `body` says what is asked,
some more say how (`REQUEST_COLUMNS` in `llm_kit.tables.requests`), and all are carried to the
output, beside the columns that hold the answer (`ANSWER_COLUMNS` in `llm_kit.tables.answers`).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_kit.tables.chunks import Table

#: Suffixes of files that are tables; every other file has a request a line.
TABLE_SUFFIXES = (".csv", ".parquet")


def is_table(path: Path) -> bool:
    """Whether a file is a table, by its name."""
    return path.suffix.lower() in TABLE_SUFFIXES


def open_table(path: Path) -> Table:
    """The table in a file.

    :raises BatchInputError: it cannot be read as what its suffix says.
    :raises LLMConfigError: a package is missing.
    """
    if path.suffix.lower() == ".csv":
        from llm_kit.tables.csv import CsvTable

        return CsvTable(path)
    from llm_kit.tables.parquet import ParquetTable

    return ParquetTable(path)
