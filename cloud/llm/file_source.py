"""What is uploaded: a path, bytes or an open file, read in pieces through one descriptor."""

from __future__ import annotations

import contextlib
import io
import mimetypes
import os
import re
import stat
import threading
from collections.abc import Iterator
from typing import Any, BinaryIO, Self

from cloud.llm.parts import guessed
from LLM.exceptions import InvalidRequestError

#: Bytes that are read, and sent, at once.
PIECE_BYTES = 128 * 1024
#: The type of what nothing is known of.
UNKNOWN_TYPE = "application/octet-stream"

# RFC 9110, section 8.3.1, with parameters that are not looked into; no line can end in it.
_MEDIA_TYPE = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+/[!#$%&'*+.^_`|~0-9A-Za-z-]+(;[ -~]*)?")
# A FIFO without a writer would hold open() up for ever. Absent, as O_BINARY elsewhere, on Windows.
_FLAGS = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class FileSource:
    """A file that is to be sent, held open until `close`.

    :param source: path (text or `os.PathLike`), content (bytes), or a file that was opened to read
        bytes, which is read from its position on, is not closed, and stands anywhere afterwards.
    :param filename: the name it is sent under; None for that of the path or the file, or
        ``unnamed`` with the ending of its type.
    :param media_type: such as ``application/pdf``; None for what the name's ending tells.
    :raises InvalidRequestError: an argument cannot work; the message names it.
    """

    def __init__(self, source: Any, filename: Any = None, media_type: Any = None) -> None:
        _check_media_type(media_type)
        _check_filename(filename)
        self._owned = not hasattr(source, "read")
        self._file: BinaryIO = _opened(source) if self._owned else source
        # Tries and pieces share the file, and a piece may still be read in another thread when
        # its try has ended: each read finds its own place.
        self._lock = threading.Lock()
        try:
            self._start, self.size_bytes = _extent(self._file)
            self._stamp = self._stat()
        except BaseException:
            self.close()
            raise
        name = filename if filename is not None else _own_name(source)
        #: The media type that is known; None where none is.
        self.known_type: str | None = media_type if media_type is not None else guessed(name)
        self.media_type = self.known_type or UNKNOWN_TYPE
        self.filename: str = name or "unnamed" + (_ending(self.known_type))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exc_info: object) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the file, unless it is the caller's."""
        if self._owned:
            with self._lock:
                self._file.close()

    def pieces(self) -> Iterator[bytes]:
        """The content, from its start.

        The last piece is given only once it is certain that it is the last.

        :raises InvalidRequestError: the file cannot be read, or has changed since it was opened.
        """
        offset = 0
        while offset < self.size_bytes:
            piece = self._read(offset, min(PIECE_BYTES, self.size_bytes - offset))
            if not piece:
                raise self._changed(f"it ends after {offset:,} of {self.size_bytes:,} bytes")
            offset += len(piece)
            if offset == self.size_bytes:
                self._check_unchanged()
            yield piece

    def _check_unchanged(self) -> None:
        if self._read(self.size_bytes, 1):
            raise self._changed(f"it goes on after {self.size_bytes:,} bytes")
        if self._stat() != self._stamp:
            raise self._changed("it was written to")

    def _changed(self, how: str) -> InvalidRequestError:
        return InvalidRequestError(
            f"{self.filename!r} has changed while it was sent: {how}; send it again when nobody "
            "writes to it"
        )

    def _read(self, offset: int, n_bytes: int) -> bytes:
        try:
            with self._lock:
                self._file.seek(self._start + offset)
                piece = self._file.read(n_bytes)
        except (OSError, ValueError) as err:  # ValueError: somebody has closed it
            problem = err
        else:
            if len(piece) <= n_bytes:
                return piece
            raise InvalidRequestError(
                f"read({n_bytes}) of source gives {len(piece)} bytes; give a file that was opened "
                "with mode 'rb'"
            )
        raise InvalidRequestError(f"{self.filename!r} cannot be read: {problem}") from problem

    def _stat(self) -> tuple[int, int] | None:
        """Size in bytes and time of the last change; None for what is no file of the system's."""
        try:
            found = os.fstat(self._file.fileno())
        except (AttributeError, OSError, ValueError):
            return None
        return found.st_size, found.st_mtime_ns


def _opened(source: Any) -> BinaryIO:
    if isinstance(source, bytes | bytearray | memoryview):
        return io.BytesIO(source)  # of bytes it makes no copy
    if not isinstance(source, str | os.PathLike):
        raise InvalidRequestError(
            f"source is a {type(source).__name__}; give a path, bytes, or a file opened with mode "
            "'rb'"
        )
    try:
        descriptor = os.open(source, _FLAGS)
    except (OSError, ValueError) as err:
        problem = err
    else:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            return os.fdopen(descriptor, "rb")
        os.close(descriptor)
        raise InvalidRequestError(
            f"source {os.fspath(source)!r} is a folder or a device; give a regular file"
        )
    reason = getattr(problem, "strerror", None) or str(problem)
    raise InvalidRequestError(
        f"source {os.fspath(source)!r} cannot be opened: {reason}; give the path of a file that "
        "can be read"
    ) from problem


def _extent(file: BinaryIO) -> tuple[int, int]:
    """Where a file is read from, and how many bytes follow.

    :raises InvalidRequestError: that cannot be known, or nothing follows.
    """
    try:
        is_text = not isinstance(file.read(0), bytes)
        start = file.tell()
        end = file.seek(0, os.SEEK_END)
        file.seek(start)
    except (AttributeError, OSError, ValueError, TypeError) as err:
        problem = err
    else:
        if is_text:
            raise InvalidRequestError("source is a file of text; open it with mode 'rb'")
        if end > start:
            return start, end - start
        raise InvalidRequestError(
            "source has no bytes"
            + (f" after its position, {start:,}; call its seek(0)" if end else "")
        )
    raise InvalidRequestError(
        "source has no size that is known before it is read, as a pipe has none; give its bytes, "
        "or a file"
    ) from problem


def _own_name(source: Any) -> str | None:
    """The name of the file behind a source; None where it has none."""
    if isinstance(source, bytes | bytearray | memoryview):
        return None
    # That of a file without a name is its descriptor's number.
    path = source if isinstance(source, str | os.PathLike) else getattr(source, "name", None)
    name = os.path.basename(os.fspath(path)) if isinstance(path, str | os.PathLike) else ""
    if isinstance(name, bytes):
        name = os.fsdecode(name)
    # A name that is no UTF-8 has lone surrogates in it.
    return name.encode("utf-8", "replace").decode() or None


def _ending(media_type: str | None) -> str:
    plain = (media_type or "").partition(";")[0].strip().lower()
    return mimetypes.guess_extension(plain) or ""


def _check_filename(filename: Any) -> None:
    if filename is None:
        return
    if not isinstance(filename, str) or not filename or "\0" in filename:
        raise InvalidRequestError(f"filename is {filename!r}; give a name such as 'report.pdf'")
    with contextlib.suppress(UnicodeEncodeError):
        filename.encode()
        return
    raise InvalidRequestError("filename holds a lone surrogate, which UTF-8 cannot carry")


def _check_media_type(media_type: Any) -> None:
    if media_type is None or (
        isinstance(media_type, str) and _MEDIA_TYPE.fullmatch(media_type) is not None
    ):
        return
    raise InvalidRequestError(
        f"media_type is {media_type!r}; give a type such as 'application/pdf'"
    )
