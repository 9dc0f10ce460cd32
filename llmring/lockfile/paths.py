"""Which lockfile is read, and where changes to it are written: the same place."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from llmring.exceptions import LockfileError
from llmring.lockfile.reading import problem

LOCKFILE_NAME = "llmring.lock"
PATH_VARIABLE = "LLMRING_LOCKFILE_PATH"
#: The lockfile that is read where there is no other. It is never written.
BUNDLED = Path(__file__).resolve().parent.parent / LOCKFILE_NAME


@dataclass(frozen=True, slots=True)
class Location:
    """Where a lockfile is looked for.

    :param target: the file that is read if it is there, and that is written.
    :param named_by: what named it, for errors; None for ``./llmring.lock``, which may be absent.
    """

    target: Path
    named_by: str | None = None

    def readable(self) -> Path:
        """The file to read: `target`, or the bundled one where nobody named `target`.

        :raises LockfileError: a file that was named does not exist.
        """
        try:
            # A link that leads nowhere is there, and is an error when it is read.
            if os.path.lexists(self.target):
                return self.target
        except ValueError as err:  # NUL or a lone surrogate
            raise self._missing(f"cannot be a path ({err})") from None
        if self.named_by is None:
            return BUNDLED
        raise self._missing("does not exist; make it (llmring lock init), or name another")

    def _missing(self, what: str) -> LockfileError:
        return problem(self.target, f"{what} [named by {self.named_by}]", code="missing")


def locate(
    lockfile_path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None
) -> Location:
    """Where the lockfile is: `lockfile_path`, ``LLMRING_LOCKFILE_PATH``, or ``./llmring.lock``.

    The working folder is that of now, whatever becomes of it later.

    :param environ: the environment variables; None for the process's.
    :raises LockfileError: `lockfile_path` is empty or no path.
    """
    environ = os.environ if environ is None else environ
    if lockfile_path is not None:
        return Location(_absolute(_path(lockfile_path)), "lockfile_path")
    if chosen := environ.get(PATH_VARIABLE):
        return Location(_absolute(Path(chosen)), PATH_VARIABLE)
    return Location(_absolute(Path(LOCKFILE_NAME)))


def find(
    lockfile_path: str | os.PathLike[str] | None = None, environ: Mapping[str, str] | None = None
) -> Path:
    """The lockfile to read: that of `locate`, or the bundled one.

    :raises LockfileError: a file that was named does not exist.
    """
    return locate(lockfile_path, environ).readable()


def _path(given: object) -> Path:
    if isinstance(given, (str, os.PathLike)) and str(given):
        return Path(given)
    raise LockfileError(
        f"lockfile_path must be a path, not {given!r}; leave it out to use ./{LOCKFILE_NAME}"
    )


def _absolute(path: Path) -> Path:
    try:
        return path.expanduser().absolute()
    except (OSError, RuntimeError):  # the working folder was deleted; a home that is not known
        return path
