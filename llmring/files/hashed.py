"""A file that is sent only as what it was hashed as."""

from __future__ import annotations

import hashlib
import io
import threading

from llmring.files.reading import OpenFile


class HashedStream(io.RawIOBase):
    """An open file whose last piece is given only if all of it is what the hash says.

    Whoever sends it in order so never sends a whole other than that: where the content has changed,
    the read that would complete it fails. It may be read anew from the start. Threads may read and
    close it at once.

    :param file: stays open until `close`, and is not closed by it.
    :param sha256: of the content, in hexadecimal.
    """

    def __init__(self, file: OpenFile, sha256: str) -> None:
        super().__init__()
        self._file = file
        self._sha256 = sha256
        self._digest = hashlib.sha256()
        self._n_hashed = 0
        self._lock = threading.Lock()
        #: Whether the content was found to be another.
        self.changed = False

    def readable(self) -> bool:
        """It is."""
        return True

    def seekable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """The file's descriptor, whose facts tell of a change, too."""
        return self._file.stream.fileno()

    def seek(self, offset: int, whence: int = io.SEEK_SET, /) -> int:
        """Go to a place. :return: where that is."""
        with self._lock:
            self._check_open()
            if whence == io.SEEK_END:  # as it was when it was opened, though it may have grown
                offset, whence = self._file.size_bytes + offset, io.SEEK_SET
            return self._file.stream.seek(offset, whence)

    def tell(self) -> int:
        """Where it stands."""
        return self.seek(0, io.SEEK_CUR)

    def readinto(self, buffer: bytearray | memoryview, /) -> int:  # type: ignore[override]  # any buffer
        """Read on.

        :raises OSError: what is read completes another content than was hashed.
        """
        with self._lock:
            self._check_open()
            at = self._file.stream.tell()
            piece = self._file.stream.read(len(buffer))
            if at == 0:
                self._digest, self._n_hashed = hashlib.sha256(), 0
            if at == self._n_hashed:
                self._digest.update(piece)
                self._n_hashed += len(piece)
            is_whole = bool(piece) and self._n_hashed >= self._file.size_bytes
            if is_whole and self._digest.hexdigest() != self._sha256:
                self.changed = True
                raise OSError("its content has changed")
            buffer[: len(piece)] = piece
            return len(piece)

    def close(self) -> None:
        """Give nothing any more; the file stays open."""
        with self._lock:
            super().close()

    def _check_open(self) -> None:
        if self.closed:
            raise ValueError("the file is closed")
