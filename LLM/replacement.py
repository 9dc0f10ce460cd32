"""Files that are replaced in one step: whoever reads has the old one or the new one."""

from __future__ import annotations

import contextlib
import os
import sys
from collections.abc import Iterator
from pathlib import Path

#: How much of a file's name the name beside it has.
_MOST_CHARS = 50


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A new name beside a file, for what takes its place when the block ends well.

    A symbolic link stays one, and its target is replaced. Behind the block the file is on the disk,
    under its name.

    :raises OSError: it cannot be written; what was there is as it was.
    """
    target = Path(os.path.realpath(path))
    # A name may have 255 bytes, and each of these characters up to four.
    partial = target.with_name(f".{target.name[:_MOST_CHARS]}.{os.urandom(8).hex()}")
    try:
        yield partial
        with open(partial, "rb+") as file:
            os.fsync(file.fileno())
        os.replace(partial, target)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(partial)
        raise
    sync_folder(target.parent)


def owner_only(path: str, flags: int) -> int:
    """An `opener` for `open`: what it makes is readable and writable to its owner alone."""
    return os.open(path, flags, 0o600)


def sync_folder(folder: Path) -> None:
    """Make new names in a folder last through a power cut, where the file system can."""
    if sys.platform == "win32":
        return
    with contextlib.suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
