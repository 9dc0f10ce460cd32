"""The files that the command was given, standard input and output among them."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from LLM.batch.output import Output
from LLM.batch.source import LineStream, Source
from llm_kit.batch import JobFiles
from llm_kit.models import NamedModels, OneModel

if TYPE_CHECKING:
    from LLM.batch.report import BatchReport


@dataclass(frozen=True, slots=True)
class OpenedFiles:
    """What a job reads and writes.

    :param is_named: the output's name is the user's.
    """

    source: Source
    output: Output | Path
    is_named: bool

    def told(self, report: BatchReport) -> BatchReport:
        """A report without the names of files that the user has not given."""
        return report if self.is_named else replace(report, output=None)


class StandardOutput:
    """Standard output, which gets all lines when the job is complete; see `Output`.

    :param folder: holds the job's journal, and goes with the command.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / "answers"

    def known(self) -> Iterator[bytes]:
        """Nothing: what went there is gone."""
        return iter(())

    def finish(self, lines: Iterable[bytes]) -> None:
        """Write the lines, failures among them."""
        sys.stdout.buffer.writelines(lines)
        sys.stdout.buffer.flush()


@contextmanager
def opened_files(
    requests: Path, output: Path | None, options: Mapping[str, Any]
) -> Iterator[OpenedFiles]:
    """The job's files.

    :param requests: ``-`` is standard input.
    :param output: ``-`` is standard output; None for a dry run.
    :param options: of the command: `model`, `override_model`, `local`.
    """
    with tempfile.TemporaryDirectory(prefix="llm-kit-batch-") as folder:
        given = LineStream(sys.stdin.buffer) if str(requests) == "-" else requests
        is_named = output is not None and str(output) != "-"
        files = JobFiles(given, output if output and is_named else Path(folder) / "answers")
        source, opened = files.source, files.output
        if output is not None and not is_named:
            opened = StandardOutput(Path(folder))
        if options["override_model"]:
            source = OneModel(source, options["model"])
        elif options["model"] is None and options["local"] is None:
            source = NamedModels(source)
        try:
            yield OpenedFiles(source, opened, is_named)
        finally:
            if isinstance(given, LineStream):
                given.close()
