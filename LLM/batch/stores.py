"""Where a job's lines are while it runs: in the output itself, in a journal, or in nobody's sight.

`DirectStore` writes answers to the output and failures to the errors file, as they end.
`JournalStore` writes both to one file beside the output, ``.journal``, and has an `Output` made of
them in one step when all is there. As long as a journal exists it is the truth: an output beside
it is older, or was made of it.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Protocol

from LLM.batch.digests import DigestTable, digest_of_id
from LLM.batch.exceptions import BatchOutputError
from LLM.batch.files import GrowingFile, replace_lines, told
from LLM.batch.lines import LINE_START, read_line
from LLM.batch.output import OrderedLines, Output, existing_lines, journal_path
from LLM.batch.report import LineAt
from LLM.replacement import sync_folder


class Store(Protocol):
    """Keeps lines while a job runs. `append`, `line_at` and `sync` may be called by any thread."""

    @property
    def reader(self) -> LineAt | None:
        """Reads lines when the job is done; None where they are in the output's files."""
        ...

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """The lines of earlier runs, each with its place.

        :raises BatchOutputError: they end with what is no line of a job.
        """
        ...

    def append(self, line: bytes, *, failed: bool) -> int:
        """Write a line at once. :return: its place."""
        ...

    def line_at(self, place: int, *, failed: bool) -> bytes:
        """The line at a place."""
        ...

    def keep_only(self, wanted: Callable[[bytes], bool]) -> None:
        """Drop lines of failures that are not wanted any more. Places change."""
        ...

    def sync(self) -> None:
        """Have all lines survive a power cut.

        :raises BatchOutputError: a file was moved or removed.
        """
        ...

    def complete(self, lines: Iterable[bytes]) -> None:
        """All is finished. :param lines: in the input's order; read only where they are needed."""
        ...

    def close(self) -> None:
        """Sync and close."""
        ...


class DirectStore:
    """Answers in the output, failures in the errors file, both as they end.

    :param output: made at once.
    :param errors: made when something fails.
    :raises BatchOutputError: a file cannot be opened or is none of ours.
    """

    reader: LineAt | None = None

    def __init__(self, output: Path, errors: Path) -> None:
        self._errors_path = errors
        journal = journal_path(output)
        if journal.exists():  # of a run that was to keep the order
            OrderedLines(output, errors).finish(existing_lines(journal))
            _remove(journal)
        self._output = GrowingFile(output)
        self._errors = GrowingFile(errors) if errors.exists() else None

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """The lines of earlier runs, each with its place."""
        for file in filter(None, (self._output, self._errors)):
            _cut_torn_end(file)
            yield from file.lines()

    def append(self, line: bytes, *, failed: bool) -> int:
        """Write a line at once. :return: its place."""
        return (self._errors_file() if failed else self._output).append(line)

    def line_at(self, place: int, *, failed: bool) -> bytes:
        """The line at a place."""
        return (self._errors_file() if failed else self._output).line_at(place)

    def keep_only(self, wanted: Callable[[bytes], bool]) -> None:
        """Drop lines of failures that are not wanted any more."""
        self._errors_file().keep_only(wanted)

    def sync(self) -> None:
        """Have all lines survive a power cut."""
        for file in filter(None, (self._output, self._errors)):
            file.check_place()
            file.sync()

    def complete(self, lines: Iterable[bytes]) -> None:
        """All is finished."""
        self.sync()
        if self._errors is not None and not self._errors.size:
            self._errors.close()
            self._errors = None
            with told(self._errors_path, "remove"):
                self._errors_path.unlink(missing_ok=True)

    def close(self) -> None:
        """Sync and close."""
        try:
            self._output.close()
        finally:
            if self._errors is not None:
                self._errors.close()

    def _errors_file(self) -> GrowingFile:
        if self._errors is None:
            self._errors = GrowingFile(self._errors_path)
        return self._errors


class JournalStore:
    """All lines in a journal, of which the output is made at the end.

    :raises BatchOutputError: a file cannot be opened, is none of ours, or does not go with the
        other.
    """

    reader: LineAt | None = None

    def __init__(self, output: Output) -> None:
        self._output = output
        self._path = journal_path(output.path)
        if self._path.exists():
            self._check_output()
        else:
            replace_lines(self._path, output.known())
        self._journal = GrowingFile(self._path)

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """The lines of earlier runs, each with its place."""
        _cut_torn_end(self._journal)
        return self._journal.lines()

    def append(self, line: bytes, *, failed: bool) -> int:
        """Write a line at once. :return: its place."""
        return self._journal.append(line)

    def line_at(self, place: int, *, failed: bool) -> bytes:
        """The line at a place."""
        return self._journal.line_at(place)

    def keep_only(self, wanted: Callable[[bytes], bool]) -> None:
        """Drop lines of failures that are not wanted any more."""
        self._journal.keep_only(wanted)

    def sync(self) -> None:
        """Have all lines survive a power cut."""
        self._journal.check_place()
        self._journal.sync()

    def complete(self, lines: Iterable[bytes]) -> None:
        """All is finished."""
        self._journal.check_place()
        self._output.finish(lines)
        _remove(self._path)

    def close(self) -> None:
        """Sync and close."""
        self._journal.close()

    def _check_output(self) -> None:
        """Whoever has put another output beside a journal shall choose which of them it is."""
        ids = DigestTable()
        for line in existing_lines(self._path):
            if record := read_line(line):
                ids.add(digest_of_id(record.custom_id), 0)
        for line in self._output.known():
            record = read_line(line)
            if record is None or ids.get(digest_of_id(record.custom_id)) is None:
                raise BatchOutputError(
                    f"{str(self._output.path)!r} holds what its journal "
                    f"{str(self._path)!r} does not; move one of the two away"
                )


class MemoryStore:
    """Lines in a temporary file that nobody else sees, for jobs without an output."""

    def __init__(self) -> None:
        handle, name = tempfile.mkstemp(prefix="llm-kit-batch-")
        os.close(handle)
        self._file = GrowingFile(Path(name))
        _remove(Path(name))

    @property
    def reader(self) -> LineAt:
        """Reads lines as long as somebody has it."""
        return lambda place, _: self._file.line_at(place)

    def scan(self) -> Iterator[tuple[int, bytes]]:
        """The lines of earlier runs, each with its place."""
        return iter(())

    def append(self, line: bytes, *, failed: bool) -> int:
        """Write a line at once. :return: its place."""
        return self._file.append(line)

    def line_at(self, place: int, *, failed: bool) -> bytes:
        """The line at a place."""
        return self._file.line_at(place)

    def keep_only(self, wanted: Callable[[bytes], bool]) -> None:
        """Drop lines of failures that are not wanted any more."""
        raise AssertionError("a job in memory has no earlier run")

    def sync(self) -> None:
        """Nothing of it is to survive."""

    def complete(self, lines: Iterable[bytes]) -> None:
        """Its lines stay where they are."""

    def close(self) -> None:
        """The file is gone with the last who reads it."""


def _cut_torn_end(file: GrowingFile) -> None:
    """Cut off the line that was being written when its writer died.

    :raises BatchOutputError: the file ends with something else, and is none of ours.
    """
    torn = file.torn_end()
    start = torn.lstrip(b"\0")  # which a power cut can leave
    if start[: len(LINE_START)] != LINE_START[: len(start)]:
        raise BatchOutputError(
            f"{str(file.path)!r} is not the output of a job: it ends with {start[:40]!r}; name "
            "another output"
        )
    if torn:
        file.cut(len(torn))


def _remove(path: Path) -> None:
    with told(path, "remove"):
        path.unlink(missing_ok=True)
        sync_folder(path.parent)
