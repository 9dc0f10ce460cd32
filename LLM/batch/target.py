"""What a job's output was named as: where its files are, and how they are kept meanwhile."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

from LLM.batch.exceptions import BatchOutputError
from LLM.batch.files import output_lock, told
from LLM.batch.output import AnyOutput, OrderedLines, Output, existing_lines, journal_path
from LLM.batch.settings import JobSettings, errors_path
from LLM.batch.source import TABLE_SUFFIXES, Source
from LLM.batch.stores import DirectStore, JournalStore, MemoryStore, Store
from LLM.exceptions import LLMConfigError


class Target:
    """The files of a job.

    :param output: path of a file of lines, an `Output`, or None for a job in memory.
    :param settings: of the job.
    :raises LLMConfigError: `output` is none of these, or is the errors file, too.
    """

    def __init__(self, output: AnyOutput, settings: JobSettings) -> None:
        #: The answers' file, and the failures', where there is one.
        self.output: Path | None = None
        self.errors: Path | None = None
        self._made: Output | None = None
        if settings.errors is not None and not isinstance(output, str | os.PathLike):
            raise LLMConfigError(
                f"errors is {str(settings.errors)!r}, but tables, pipes and jobs without an output "
                "have failures among the answers; leave errors out"
            )
        if output is None:
            return
        if isinstance(output, str | os.PathLike):
            if not os.fspath(output):
                raise LLMConfigError("output is empty; give the name of a file, or None")
            self.output = Path(output)
            if self.output.suffix.lower() in TABLE_SUFFIXES:
                raise LLMConfigError(
                    f"output is {str(output)!r}, a table; `llm-kit batch` writes tables, llm.batch "
                    "writes lines: name it .jsonl"
                )
            self.errors = errors_path(self.output, settings)
            if _same(self.output, self.errors):
                raise LLMConfigError(f"errors is {str(self.errors)!r}, as the output is")
            self._made = OrderedLines(self.output, self.errors) if settings.keep_order else None
        elif hasattr(output, "finish") and hasattr(output, "known"):
            self.output, self._made = output.path, output
        else:
            raise LLMConfigError(
                f"output is a {type(output).__name__}; give the name of a file, or None"
            )

    @property
    def is_remade(self) -> bool:
        """Whether the output is made as a whole, of the journal."""
        return self._made is not None

    def check_input(self, source: Source) -> None:
        """:raises LLMConfigError: a file of the job would be written over its input."""
        path = getattr(source, "path", None)
        for name, file in (("output", self.output), ("errors", self.errors)):
            if path is not None and file is not None and _same(path, file):
                raise LLMConfigError(f"{name} is {str(file)!r}, which is the input; name another")

    @contextlib.contextmanager
    def lock(self) -> Iterator[None]:
        """Keep other jobs from it. :raises BatchOutputError: another job has it."""
        if self.output is None:
            yield
            return
        if self.output.is_dir():
            raise BatchOutputError(f"{str(self.output)!r} is a folder; name a file in it")
        with output_lock(self.output):
            yield

    def open(self) -> Store:
        """Where lines are kept while the job runs.

        :raises BatchOutputError: a file cannot be opened, or is none of ours.
        """
        if self._made is not None:
            return JournalStore(self._made)
        if self.output is None or self.errors is None:
            return MemoryStore()
        return DirectStore(self.output, self.errors)

    def existing(self) -> Iterator[bytes]:
        """Lines of earlier runs, read without changing anything."""
        if self.output is None:
            return iter(())
        journal = journal_path(self.output)
        if journal.exists():
            return existing_lines(journal)
        if self._made is not None:
            return self._made.known()
        return existing_lines(*filter(None, (self.output, self.errors)))

    def has_earlier(self) -> bool:
        """Whether an earlier run has left anything."""
        files = (self.output, self.errors, self.output and journal_path(self.output))
        return any(file is not None and _size(file) for file in files)

    def line_at(self, place: int, failed: bool) -> bytes:
        """A line of the output when the job is done.

        :raises BatchOutputError: the output has no lines, since it is a table.
        """
        path = self.errors if failed else self.output
        if path is None:
            raise BatchOutputError(f"results are read from {str(self.output)!r} itself")
        with told(path, "read"), open(path, "rb") as file:
            file.seek(place)
            return file.readline()


def _same(one: Path, other: Path) -> bool:
    return os.path.realpath(one) == os.path.realpath(other)


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0  # missing, or opening it will tell
