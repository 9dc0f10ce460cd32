"""Writing a lockfile: whole or not at all, and one writer at a time."""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from LLM.replacement import replacing
from llmring.lockfile.reading import problem

#: Seconds that a writer waits for another one.
WAIT_S = 10.0
_POLL_S = 0.01


def replace(path: Path, data: bytes) -> None:
    """Make `data` the contents of `path` in one step: whoever reads has the old or the new.

    A symbolic link stays one and its target is replaced; permissions and owner stay.

    :raises LockfileError: it cannot be written; what was there is as it was.
    """
    target = Path(os.path.realpath(path))
    if os.path.exists(target) and not os.access(target, os.W_OK):
        # The folder may let it be replaced, but who made it read-only wants it kept.
        raise problem(path, "cannot be written: it is read-only; make it writable first")
    try:
        with replacing(target) as partial:
            _write(partial, data, target)
    except OSError as err:
        raise problem(path, f"cannot be written: {err.strerror or err}") from err


@contextlib.contextmanager
def only_writer(
    path: Path,
    wait_s: float = WAIT_S,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> Iterator[None]:
    """Keep other processes and threads that ask here from writing `path` meanwhile.

    The lock is on the folder, which needs no file beside the lockfile and ends with the process.
    Windows and some network file systems have no such lock: there, a write that another one
    overtook is still refused.

    :param wait_s: seconds to wait for another writer.
    :raises LockfileError: the folder is not there, or another writer takes too long.
    """
    if sys.platform == "win32":
        yield
        return
    import fcntl  # not on Windows

    folder = Path(os.path.realpath(path)).parent
    try:
        handle = os.open(folder, os.O_RDONLY)
    except OSError as err:
        raise problem(path, f"cannot be written: its folder: {err.strerror or err}") from err
    try:
        deadline = clock() + wait_s
        while True:
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                if clock() >= deadline:
                    raise problem(
                        path, f"another process has been writing it for {wait_s:g} s; try again"
                    ) from None
                sleep(_POLL_S)
            except OSError:
                break  # a network file system without such locks
        yield
    finally:
        os.close(handle)


def _write(partial: Path, data: bytes, target: Path) -> None:
    with open(partial, "xb") as file:
        with contextlib.suppress(FileNotFoundError):
            _take_over(partial, os.stat(target))
        file.write(data)


def _take_over(partial: Path, old: os.stat_result) -> None:
    if hasattr(os, "chown"):
        with contextlib.suppress(PermissionError):  # another's file stays writable by its group
            os.chown(partial, old.st_uid, old.st_gid)
    os.chmod(partial, old.st_mode & 0o7777)
