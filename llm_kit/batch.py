"""Jobs whose files may be tables, for whatever client answers them."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, Unpack

from LLM.batch.output import Output
from LLM.batch.source import LineFile, Source
from llm_kit.tables import is_table, open_table

if TYPE_CHECKING:
    from LLM.batch.report import BatchReport
    from LLM.batch.types import BatchOptions
    from llm_kit.tables.chunks import Table

PathLike = str | os.PathLike[str]


class BatchClient(Protocol):
    """What answers jobs: `LLM`, `LLMClient`, `AnthropicClient`."""

    def batch(
        self, requests: Any, output: Any = None, **options: Unpack[BatchOptions]
    ) -> BatchReport:
        """Answer all requests."""
        ...


def run_batch(
    client: BatchClient, requests: PathLike, output: PathLike, **options: Unpack[BatchOptions]
) -> BatchReport:
    """Answer a file of requests: lines in OpenAI's batch format, or a table.

    :param client: answers the requests, as its own `batch` does.
    :param requests: ``.csv`` and ``.parquet`` are tables, whose columns `llm_kit.tables.requests`
        describes; every other file has a request a line.
    :param output: likewise. A table is made when the job is complete; until then its answers are in
        a journal beside it.
    :param options: of the job; see `BatchOptions`.
    :raises BatchInputError: something in `requests` is no request; nothing was sent.
    :raises BatchOutputError: the output cannot be used.
    :raises LLMConfigError: an option cannot work, or a package is missing.

    ::

        with LLM(config) as llm:
            print(run_batch(llm, "questions.csv", "answers.parquet"))
    """
    files = JobFiles(Path(requests), Path(output))
    return client.batch(files.source, files.output, **options)


class JobFiles:
    """The files of a job as its runner takes them.

    :param requests: file of the requests, or a source of them.
    :param output: file of the answers.
    :raises BatchInputError: a table cannot be read.
    :raises LLMConfigError: a package is missing.
    """

    def __init__(self, requests: Path | Source, output: Path) -> None:
        table: Table | None = None
        if isinstance(requests, Path):
            if is_table(requests):
                from llm_kit.tables.requests import TableSource

                table = open_table(requests)
                requests = TableSource(table)
            else:
                requests = LineFile(requests)
        self.source: Source = requests
        self.output: Output | Path = output
        if is_table(output):
            from llm_kit.tables.output import TableOutput

            self.output = TableOutput(output, table)
