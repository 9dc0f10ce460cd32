"""A file of lines that only grows, each line written at once; and the lock of a job's output."""

from __future__ import annotations

import contextlib
import logging
import os
import stat
import sys
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from LLM import replacement
from LLM.batch.exceptions import BatchOutputError

logger = logging.getLogger("LLM")

_READ_BYTES = 1 << 20
_GUESSED_LINE_BYTES = 8192


class GrowingFile:
    """Lines, each of which is in the file when `append` returns. Safe for many threads.

    What is appended survives the end of this process, however it ends; after `sync` it survives
    that of the machine.

    :param path: made when it is missing.
    :raises BatchOutputError: it cannot be opened, or is no plain file.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lock = threading.Lock()
        self._syncing = threading.Lock()
        self._dirty = False
        with told(path, "open"):
            # Looked at before it is opened: to open a FIFO would wait for its reader.
            if path.exists() and not stat.S_ISREG(path.stat().st_mode):
                raise BatchOutputError(
                    f"{str(path)!r} is no plain file, which the output of a job must be; name "
                    "another"
                )
            flags = os.O_RDWR | os.O_CREAT | getattr(os, "O_BINARY", 0)
            self._handle = os.open(path, flags, 0o666)
            self.size = os.fstat(self._handle).st_size
        self._close = weakref.finalize(self, os.close, self._handle)

    def append(self, line: bytes) -> int:
        """Write a line in one piece. :return: where it begins, in bytes.

        :raises BatchOutputError: there is no room, or the disk fails; nothing of it is left then.
        """
        with self._lock:
            start = self.size
            with told(self.path, "write"):
                try:
                    os.lseek(self._handle, start, os.SEEK_SET)
                    n_written = os.write(self._handle, line)
                    while n_written < len(line):  # a full disk takes a part, then refuses
                        n_written += os.write(self._handle, line[n_written:])
                except BaseException:
                    with contextlib.suppress(OSError):
                        os.ftruncate(self._handle, start)
                    raise
            self.size = start + len(line)
            self._dirty = True
            return start

    def line_at(self, start: int) -> bytes:
        """The line that begins at `start`."""
        data = b""
        with self._lock, told(self.path, "read"):
            os.lseek(self._handle, start, os.SEEK_SET)
            n_wanted = _GUESSED_LINE_BYTES
            while b"\n" not in data[-n_wanted:]:
                piece = os.read(self._handle, n_wanted)
                if not piece:
                    break
                data += piece
                n_wanted = len(data)
        end = data.find(b"\n") + 1
        return data[:end] if end else data

    def lines(self) -> Iterator[tuple[int, bytes]]:
        """Every whole line with its place. It is not to be appended to meanwhile."""
        start = 0
        with told(self.path, "read"), open(self.path, "rb", buffering=_READ_BYTES) as file:
            for line in file:
                if line.endswith(b"\n"):
                    yield start, line
                start += len(line)

    def torn_end(self) -> bytes:
        """What follows the last line feed: a line that was being written when its writer died."""
        with self._lock, told(self.path, "read"):
            end, tail = self.size, b""
            while end > 0 and b"\n" not in tail:
                start = max(0, end - _READ_BYTES)
                os.lseek(self._handle, start, os.SEEK_SET)
                tail = os.read(self._handle, end - start) + tail
                end = start
        return tail[tail.rfind(b"\n") + 1 :]

    def cut(self, n_bytes: int) -> None:
        """Take the last bytes away."""
        with self._lock, told(self.path, "write"):
            self.size -= n_bytes
            os.ftruncate(self._handle, self.size)
            self._dirty = True

    def keep_only(self, wanted: Callable[[bytes], bool]) -> None:
        """Replace the file, in one step, by those of its lines that are wanted."""
        replace_lines(self.path, (line for _, line in self.lines() if wanted(line)))
        with self._syncing, self._lock, told(self.path, "open"):
            self._close()
            self._handle = os.open(self.path, os.O_RDWR | getattr(os, "O_BINARY", 0))
            self._close = weakref.finalize(self, os.close, self._handle)
            self.size = os.fstat(self._handle).st_size

    def check_place(self) -> None:
        """:raises BatchOutputError: the path leads elsewhere by now, so that lines get lost."""
        with self._lock:
            if self._handle < 0 or is_at(self._handle, self.path):
                return
        raise BatchOutputError(
            f"{str(self.path)!r} was moved or removed while the job wrote to it; what was moved has"
            " all lines: put it back, and the same call goes on"
        )

    def sync(self) -> None:
        """Have what was appended until now survive a power cut."""
        # Appending goes on meanwhile; closing waits.
        with self._syncing:
            with self._lock:
                dirty, self._dirty = self._dirty, False
            if dirty:
                with told(self.path, "write"):
                    os.fsync(self._handle)

    def close(self) -> None:
        """Sync and close it."""
        try:
            self.sync()
        finally:
            with self._syncing, self._lock:
                self._close()
                # The number may soon be that of another file.
                self._handle = -1


def replace_lines(path: Path, lines: Iterable[bytes]) -> None:
    """Make `lines` the contents of a file in one step; when this returns it is on the disk.

    :raises BatchOutputError: it cannot be written; what was there is as it was.
    """
    with replacing(path) as partial, open(partial, "xb", buffering=_READ_BYTES) as file:
        file.writelines(lines)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """As `LLM.replacement.replacing`.

    :raises BatchOutputError: it cannot be written; what was there is as it was.
    """
    with told(path, "write"), replacement.replacing(path) as partial:
        yield partial


@contextlib.contextmanager
def told(path: Path, doing: str) -> Iterator[None]:
    """Tell of what the system refuses as a `BatchOutputError` that names the file."""
    try:
        yield
    except OSError as err:
        raise BatchOutputError(
            f"cannot {doing} {str(path)!r}: {err.strerror or err}; what was finished is kept, and "
            "the same call goes on once that is mended"
        ) from err


@contextlib.contextmanager
def output_lock(path: Path) -> Iterator[None]:
    """Keep other jobs, of whatever process or thread, from the same output meanwhile.

    The lock is on a file beside it, ``.lock``, and ends with the process. Windows has no such lock:
    there, and on network file systems without locks, two jobs on one output are the caller's to
    avoid.

    :raises BatchOutputError: another job has it.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl  # not on Windows

    target = Path(os.path.realpath(path))
    name = target.with_name(target.name + ".lock")
    while True:
        with told(path, "lock"):
            handle = os.open(name, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as err:
            os.close(handle)
            raise BatchOutputError(
                f"another job is writing {str(path)!r}; wait for its end, or name another output",
                code="in_use",
            ) from err
        except OSError as err:
            # Some network file systems know no locks.
            logger.warning("no lock on %s: %s", name, err)
        # Its last owner may have removed the file between our two steps.
        if is_at(handle, name):
            break
        os.close(handle)
    try:
        yield
    finally:
        try:
            with contextlib.suppress(OSError):
                name.unlink()
        finally:
            os.close(handle)


def is_at(handle: int, path: Path) -> bool:
    """Whether an open file is the one that a path leads to."""
    try:
        return os.path.samestat(os.fstat(handle), os.stat(path))
    except OSError:
        return False
