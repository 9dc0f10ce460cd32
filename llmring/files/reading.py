"""Reads files that may be read, and no others.

A path is judged by where it leads, and the file is then reached from the root without following
any link. So what was judged is what is opened, whatever is renamed meanwhile. Devices and pipes are
never opened: that alone can hang, or do harm.
"""

from __future__ import annotations

import hashlib
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import BinaryIO

from llmring.exceptions import FileProcessingError, FileSizeError
from llmring.files.rules import FileRules

#: Bytes that are read at a time.
PIECE_BYTES = 1024**2

# A folder need not be readable to lie on the way. Not everywhere is there O_PATH.
_FOLDER = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0)
_FILE = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
_NO_LINK = getattr(os, "O_NOFOLLOW", 0)
_HAS_FOLDERS = os.open in os.supports_dir_fd and _NO_LINK != 0


@dataclass(frozen=True, slots=True)
class OpenFile:
    """A file that may be read, open.

    :param path: as the caller has it, for errors.
    :param name: what providers are told.
    :param size_bytes: as it was when it was opened; who reads another number is told.
    """

    path: str
    name: str
    size_bytes: int
    stream: BinaryIO

    def pieces(self) -> Iterator[bytes]:
        """The content from its beginning, piece by piece.

        :raises FileProcessingError: it has grown or shrunk, or cannot be read.
        """
        left = self.size_bytes
        try:
            self.stream.seek(0)
            while piece := self.stream.read(min(PIECE_BYTES, left + 1)):
                left -= len(piece)
                if left < 0:
                    break
                yield piece
        except OSError as err:
            raise _unreadable(self.path, err) from err
        if left:
            raise changed(self.path)

    def read(self) -> bytes:
        """All of the content."""
        return b"".join(self.pieces())

    def sha256(self) -> str:
        """The hash of the content, in hexadecimal."""
        digest = hashlib.sha256()
        for piece in self.pieces():
            digest.update(piece)
        return digest.hexdigest()


@contextmanager
def open_file(path: str | os.PathLike[str], rules: FileRules) -> Iterator[OpenFile]:
    """Open a file.

    :raises FileProcessingError: there is none, or it may not or cannot be read.
    :raises FileSizeError: it is too large; nothing was read.
    """
    shown = shown_path(path)
    try:
        real = os.path.realpath(path, strict=True)
        if objection := rules.objection(os.fsdecode(real)):
            raise FileProcessingError(f"{shown} may not be read: {objection}")
        descriptor = _opened(os.fsdecode(real))
    except (OSError, ValueError) as err:
        raise _unreadable(shown, err) from err
    with os.fdopen(descriptor, "rb", buffering=0) as stream:
        found = os.fstat(descriptor)
        if not stat.S_ISREG(found.st_mode):
            raise _no_file(shown, found.st_mode)
        if found.st_size > rules.max_size_bytes:
            raise FileSizeError(
                f"{shown} has {found.st_size:,} bytes, and {rules.max_size_bytes:,} are allowed; "
                "split it, or raise LLMRING_MAX_FILE_SIZE_BYTES"
            )
        # A name that is no UTF-8 has lone surrogates in it, which no provider takes.
        name = os.path.basename(os.fsdecode(path)).encode("utf-8", "replace").decode()
        yield OpenFile(shown, name, found.st_size, stream)


def shown_path(path: object) -> str:
    """A path for errors; long ones, which may be contents by mistake, are cut."""
    try:
        text = os.fsdecode(path)  # type: ignore[arg-type]  # what is no path is a TypeError
    except TypeError:
        raise FileProcessingError(
            f"a {type(path).__name__} was given where a file's path is wanted; give text or a Path"
        ) from None
    return repr(text if len(text) <= 200 else f"{text[:100]}…")


def changed(shown: str) -> FileProcessingError:
    """The error for a file that does not hold still; the caller raises it."""
    return FileProcessingError(f"{shown} has changed while it was read; try again when it is done")


def _opened(real: str) -> int:
    if not _HAS_FOLDERS:
        _check_kind(os.lstat(real), real)
        return os.open(real, _FILE)
    *folders, name = real.split(os.sep)[1:]
    at = os.open(os.sep, _FOLDER)
    try:
        for folder in folders:
            inner = os.open(folder, _FOLDER | _NO_LINK, dir_fd=at)
            os.close(at)
            at = inner
        _check_kind(os.stat(name or ".", dir_fd=at, follow_symlinks=False), real)
        return os.open(name, _FILE | _NO_LINK, dir_fd=at)
    finally:
        os.close(at)


def _check_kind(found: os.stat_result, real: str) -> None:
    if not stat.S_ISREG(found.st_mode):
        raise _no_file(shown_path(real), found.st_mode)


def _no_file(shown: str, mode: int) -> FileProcessingError:
    kinds = {stat.S_IFDIR: "a folder", stat.S_IFIFO: "a pipe", stat.S_IFSOCK: "a socket"}
    kind = kinds.get(stat.S_IFMT(mode), "a device")
    return FileProcessingError(f"{shown} is {kind}; give a file")


def _unreadable(shown: str, err: OSError | ValueError) -> FileProcessingError:
    if isinstance(err, FileNotFoundError):
        return FileProcessingError(f"there is no file {shown}; check the path")
    reason = os.strerror(err.errno) if isinstance(err, OSError) and err.errno else str(err)
    return FileProcessingError(f"{shown} cannot be read: {reason}")
