"""Where a job's requests are read from: twice, once to check them all and once to answer them."""

from __future__ import annotations

import os
import stat
import tempfile
import weakref
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any, Protocol

from pydantic_core import PydanticSerializationError, to_json

from LLM.batch.exceptions import BatchInputError

#: Longest line that is read, in bytes: a request with pictures in it is far below.
MAX_LINE_BYTES = 64 * 1024 * 1024

#: One request as it was given: a line of JSON, or what such a line says.
RawRequest = bytes | Mapping[str, Any]

#: Names that end so are of tables, which `llm_kit` reads and writes.
TABLE_SUFFIXES = (".csv", ".parquet", ".tsv")

_PIECE_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"


class Source(Protocol):
    """Requests of a job. Reading them again, once the last reading has ended, gives the same.

    :param name: what errors call it.
    :param unit: what it has one of for each request: ``line``, ``row``, ``request``.
    """

    name: str
    unit: str

    def read(self) -> Iterator[tuple[int, RawRequest]]:
        """Each request, in order, with the number of its line or row from 1.

        :raises BatchInputError: it cannot be read.
        """
        ...


class LineFile:
    """A file in the format of OpenAI's batches: one request a line. Empty lines are passed over.

    :param path: a plain file.
    """

    unit = "line"

    def __init__(self, path: str | os.PathLike[str]) -> None:
        self.path = Path(path)
        self.name = str(path)

    def read(self) -> Iterator[tuple[int, bytes]]:
        """Each line with its number.

        :raises BatchInputError: there is no such file, it is none, or a line is over 64 MiB.
        """
        with self._open() as file:
            yield from _lines(file, self.name)

    def _open(self) -> IO[bytes]:
        try:
            # Looked at before it is opened: to open a FIFO would wait for who writes it.
            if not stat.S_ISREG(os.stat(self.path).st_mode):
                raise BatchInputError(
                    f"{self.name!r} is no plain file; requests are read twice, so give a file, "
                    "or the lines as an open binary file such as sys.stdin.buffer"
                )
            return open(self.path, "rb", buffering=_PIECE_BYTES)
        except OSError as err:
            raise BatchInputError(
                f"cannot read {self.name!r}: {err.strerror or err}; check its name and rights"
            ) from err


class Spool:
    """Requests that can be had only once, kept in a temporary file that nobody else sees.

    :param items: what a request is given as, in memory: see `LLM.batch.prompts`.
    :param name: what errors call it.
    """

    unit = "request"

    def __init__(self, items: Iterable[Mapping[str, Any]], name: str = "requests") -> None:
        self.name = name
        self._items = items
        self._file: IO[bytes] | None = None

    def read(self) -> Iterator[tuple[int, bytes]]:
        """Each request with its number, as a line.

        :raises BatchInputError: a request has no JSON form.
        """
        if self._file is None:
            self._file = self._filled()
            # Whoever was given requests as a list does not know that there is a file to close.
            weakref.finalize(self, self._file.close)
        self._file.seek(0)
        yield from _lines(self._file, self.name)

    def close(self) -> None:
        """Drop the temporary file."""
        if self._file is not None:
            self._file.close()

    def _filled(self) -> IO[bytes]:
        file = tempfile.TemporaryFile(prefix="llm-kit-batch-")  # noqa: SIM115  # kept open
        try:
            for piece in self._pieces():
                file.write(piece)
            file.flush()
        except OSError as err:
            file.close()
            raise BatchInputError(
                f"cannot keep {self.name} in a temporary file: {err.strerror or err}; make room in "
                "the folder that TMPDIR names, or write them to a file and give its name"
            ) from err
        except BaseException:
            file.close()
            raise
        return file

    def _pieces(self) -> Iterator[bytes]:
        items, self._items = self._items, ()
        for number, item in enumerate(items, 1):
            yield _as_line(item, f"{self.name}, request {number}")


class LineStream(Spool):
    """Lines from an open binary file that can be read once, such as ``sys.stdin.buffer``.

    :param stream: it is read to its end, not closed.
    """

    unit = "line"

    def __init__(self, stream: IO[bytes], name: str = "standard input") -> None:
        super().__init__((), name)
        self._stream = stream

    def _pieces(self) -> Iterator[bytes]:
        while piece := self._stream.read(_PIECE_BYTES):
            if not isinstance(piece, bytes):
                raise BatchInputError(
                    f"{self.name} gives text; open it in binary mode, as sys.stdin.buffer is"
                )
            yield piece


def _lines(file: IO[bytes], name: str) -> Iterator[tuple[int, bytes]]:
    number = 0
    while True:
        try:
            line = file.readline(MAX_LINE_BYTES + 1)
        except OSError as err:
            raise BatchInputError(f"cannot read {name!r}: {err.strerror or err}") from err
        if not line:
            return
        number += 1
        if len(line) > MAX_LINE_BYTES:
            raise BatchInputError(
                f"{name}, line {number} is longer than {MAX_LINE_BYTES >> 20} MiB; a job has one "
                "request a line"
            )
        if number == 1:
            line = line.removeprefix(_BOM)
        if line.strip():
            yield number, line


def _as_line(item: Mapping[str, Any], place: str) -> bytes:
    try:
        return to_json(item, exclude_none=False) + b"\n"
    except (PydanticSerializationError, ValueError) as err:
        # The text of such an error can quote what was given.
        kind = "a lone surrogate" if "surrogate" in str(err) else "a value that JSON does not have"
        problem = f"{place} holds {kind}; give what json.dumps takes"
    raise BatchInputError(problem)
