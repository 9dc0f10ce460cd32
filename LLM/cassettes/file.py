"""The file of a cassette: JSON Lines, a header and then an interaction a line.

A line is written in one system call as soon as its interaction has ended. So a program that is
killed leaves whole lines, but for the last one at worst, which is passed over when it is read.
Several programs may record into one file: where two begin it at the same moment, both write a
header, and the second one is passed over, too.
"""

from __future__ import annotations

import contextlib
import json
import os
import threading
from pathlib import Path
from typing import Any

from LLM._version import __version__
from LLM.cassettes.contents import line_of
from LLM.cassettes.interactions import Interaction
from LLM.exceptions import CassetteError

#: Version of the format, which the header tells.
FORMAT = 1


def read(path: Path) -> list[Interaction]:
    """The interactions of a file in the order of their requests; none where there is no file.

    :raises CassetteError: it cannot be read, or is no cassette.
    """
    try:
        _refuse_what_is_no_file(path)
        data = path.read_bytes()
    except FileNotFoundError:
        return []
    except OSError as err:
        raise CassetteError(f"cannot read the cassette {str(path)!r}: {err.strerror}") from err
    lines = _whole_lines(data)
    if lines:
        _check_header(path, lines[0])
    found = []
    for number, line in enumerate(lines[1:], 2):
        try:
            value = json.loads(line)
            if not _is_header(value):
                found.append(Interaction.of_line(value))
        except (ValueError, RecursionError, CassetteError) as err:
            raise CassetteError(
                f"line {number} of the cassette {str(path)!r} cannot be read: {err}; take it out, "
                "or record anew"
            ) from None
    return sorted(found, key=lambda one: one.number)


def _refuse_what_is_no_file(path: Path) -> None:
    """:raises CassetteError: a folder is there, a device, or a pipe that would wait for ever."""
    if path.exists() and not path.is_file():
        raise CassetteError(f"{str(path)!r} is no file; give the name of one for the cassette")


def _whole_lines(data: bytes) -> list[bytes]:
    return [line for line in data[: data.rfind(b"\n") + 1].split(b"\n") if line.strip()]


def _is_header(value: Any) -> bool:
    return isinstance(value, dict) and value.get("cassette") == FORMAT


def _check_header(path: Path, line: bytes) -> None:
    try:
        header = json.loads(line)
        version = header["cassette"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise CassetteError(
            f"{str(path)!r} is no cassette: its first line tells no format"
        ) from None
    if version != FORMAT:
        raise CassetteError(
            f"the cassette {str(path)!r} has format {version!r}, and this program reads {FORMAT}; "
            "record it anew, or upgrade"
        )


class Writer:
    """Appends to a file. Safe for many threads.

    :param path: the file; one that is made is for its owner alone, since it holds prompts.
    :param fresh: begin anew, whatever is there.
    :raises CassetteError: it cannot be written.
    """

    def __init__(self, path: Path, *, fresh: bool) -> None:
        self._path = path
        #: Why an interaction could not be written; None while all could.
        self.failure: Exception | None = None
        self._is_cut = False
        self._is_closed = False
        self._n_written = 0
        #: Bytes of the header that this writer has begun the file with; 0 for one that was there.
        self._n_header = 0
        # Re-entrant: the garbage collector may end a stream in the middle of writing.
        self._lock = threading.RLock()
        try:
            _refuse_what_is_no_file(path)
            path.parent.mkdir(parents=True, exist_ok=True)
            self._handle = self._open(os.O_TRUNC if fresh else 0)
            try:
                self._begin()
            except BaseException:
                os.close(self._handle)
                raise
        except OSError as err:
            raise CassetteError(f"cannot write the cassette {str(path)!r}: {err.strerror}") from err

    def _open(self, flags: int) -> int:
        flags |= os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        return os.open(self._path, flags, 0o600)

    def _begin(self) -> None:
        """Write the header, or drop what a killed program has left of a line."""
        data = self._path.read_bytes()
        # Otherwise nothing is cut off: another program may have written since.
        if data and not data.endswith(b"\n"):
            os.ftruncate(self._handle, data.rfind(b"\n") + 1)
        if b"\n" not in data:
            header = {"cassette": FORMAT, "program": f"llm-kit {__version__}"}
            self._n_header = os.write(self._handle, line_of(header).encode() + b"\n")

    def append(self, interaction: Interaction) -> None:
        """Write a line; it is with the system when this returns, whatever becomes of us.

        No error is raised, for the call that is recorded has not failed: see `failure`. After one
        of the disk nothing more is written, since a part of a line may be the last of the file;
        neither is after `close`.
        """
        try:
            line = line_of(interaction.line()).encode() + b"\n"
        except (TypeError, ValueError, RecursionError) as err:
            self.failure = err  # an error's body may hold anything, an answer be nested too deep
            return
        with self._lock:
            if self._is_cut or self._is_closed:
                return
            try:
                if not self._n_written:
                    self._begin_anew_if_gone()
                data = memoryview(line)
                while data:
                    data = data[os.write(self._handle, data) :]
                self._n_written += 1
            except OSError as err:
                self.failure, self._is_cut = err, True

    def _begin_anew_if_gone(self) -> None:
        """Another program that began the file, and recorded nothing, has taken it away."""
        if os.fstat(self._handle).st_nlink == 0:
            handle = self._open(0)
            os.close(self._handle)
            self._handle = handle
            self._begin()

    def close(self) -> None:
        """Put what was written on the disk. A file that was made for nothing is taken away.

        :raises CassetteError: something of it could not be written.
        """
        with self._lock:
            self._is_closed = True  # the handle's number may soon be that of another file
            try:
                if self._n_written:
                    os.fsync(self._handle)
                n_bytes = os.fstat(self._handle).st_size
                is_empty = self._n_header > 0 and n_bytes == self._n_header
            except OSError as err:
                self.failure, is_empty = err, False
            os.close(self._handle)
        if is_empty:
            with contextlib.suppress(OSError):
                self._path.unlink()
        if self.failure is not None:
            why = getattr(self.failure, "strerror", None) or type(self.failure).__name__
            raise CassetteError(
                f"the cassette {str(self._path)!r} lacks calls that could not be written: {why}"
            ) from self.failure
