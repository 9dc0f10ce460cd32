"""Outputs that are made when a job is complete, such as lines in the input's order."""

from __future__ import annotations

import contextlib
import os
import tempfile
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Protocol

from LLM.batch.files import replace_lines, told
from LLM.batch.lines import is_failure


class Output(Protocol):
    """An output that is made when a job is complete, of lines in the input's order.

    :param path: the output; the journal and the lock stand beside it.
    """

    path: Path

    def known(self) -> Iterator[bytes]:
        """The lines that an output which exists was made of; none where there is none.

        :raises BatchOutputError: it cannot be read, or is not what a job has made.
        """
        ...

    def finish(self, lines: Iterable[bytes]) -> None:
        """Make the output of these lines, in one step: it is replaced whole, or as it was.

        It may be called again with the same lines, when the process died before it was noted.

        :param lines: of `LLM.batch.lines`, each with its line feed, answers and failures mixed.
        :raises BatchOutputError: it cannot be written.
        """
        ...


#: Where a job's answers go: path of a file of lines, an `Output`, or None for a job in memory.
AnyOutput = str | os.PathLike[str] | Output | None


def journal_path(output: Path) -> Path:
    """Where the journal of an output is."""
    return output.with_name(output.name + ".journal")


def existing_lines(*paths: Path) -> Iterator[bytes]:
    """The whole lines of those files that exist, one after the other."""
    for path in paths:
        with (
            told(path, "read"),
            contextlib.suppress(FileNotFoundError),
            open(path, "rb", buffering=1 << 20) as file,
        ):
            yield from (line for line in file if line.endswith(b"\n"))


class OrderedLines:
    """An output of lines in the input's order, with failures in a file of their own.

    :param path: gets the answers.
    :param errors: gets the failures; it is removed when there are none.
    """

    def __init__(self, path: Path, errors: Path) -> None:
        self.path = path
        self.errors = errors

    def known(self) -> Iterator[bytes]:
        """The lines of both files."""
        return existing_lines(self.path, self.errors)

    def finish(self, lines: Iterable[bytes]) -> None:
        """Replace both files: first the failures, and by the output the job is done."""
        failures: list[bytes] = []
        with tempfile.TemporaryFile(prefix="llm-kit-batch-") as kept:

            def answers() -> Iterator[bytes]:
                for line in lines:
                    if is_failure(line):
                        kept.write(line)
                        failures[:] = [line]
                    else:
                        yield line
                kept.seek(0)
                if failures:
                    replace_lines(self.errors, kept)
                else:
                    with told(self.errors, "remove"):
                        self.errors.unlink(missing_ok=True)

            # The output is put in place after its last line, so after the errors file.
            replace_lines(self.path, answers())
