"""What tests drive and pip cannot bring: a browser that shows pages, a PostgreSQL, npm."""

from __future__ import annotations

import os
import shlex
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import environment
import processes

#: Nothing is asked: there is nobody to answer.
_APT = ("env", "DEBIAN_FRONTEND=noninteractive", "apt-get", "--quiet", "--yes")


class _Program(NamedTuple):
    """A program that tests run.

    :param package: Debian's package of it.
    :param is_there: whether it is installed.
    """

    package: str
    is_there: Callable[[], bool]


def _has_postgres() -> bool:
    # Debian keeps the server's programs out of the path.
    servers = Path("/usr/lib/postgresql").glob("*/bin/postgres")
    return any(servers) or shutil.which("postgres") is not None


_PROGRAMS = (
    _Program("chromium", lambda: shutil.which("chromium") is not None),
    _Program("postgresql", _has_postgres),
    # Servers of the Model Context Protocol that others wrote.
    _Program("npm", lambda: shutil.which("npm") is not None),
)


def ensure_programs() -> None:
    """Install what is missing where this can be done without asking: as root, with apt.

    Elsewhere it is said how. Tests that lack their program are skipped; with ``CI`` set they fail.
    """
    missing = [program.package for program in _PROGRAMS if not program.is_there()]
    if not missing:
        return
    names = " ".join(missing)
    install = [*_APT, "install", "--no-install-recommends", *missing]
    if shutil.which("apt-get") is None or os.geteuid() != 0:
        print(f"some tests need {names}; on Debian: sudo apt-get install {names}", file=sys.stderr)
        return
    try:
        for command in ([*_APT, "update"], install):
            processes.follow(f"installing {names}", command, cwd=environment.ROOT)
    except processes.CommandError as err:
        print(f"{shlex.join(install)} failed, so some tests are skipped: {err}", file=sys.stderr)
