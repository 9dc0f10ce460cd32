"""What the entry points of our command lines do around click, which may not be installed."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

#: Why writing fails where nobody has closed the other end, which click sees to.
_OUTPUT_FAILS = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}


def run_program(
    load: Callable[[], Any], name: str, args: Sequence[str] | None, *, extras: str
) -> NoReturn:
    """Run a command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted.

    :param load: gives click's command; imports click.
    :param name: the program's.
    :param args: arguments without the program's name; None takes the process's own.
    :param extras: those of llm-kit that bring what the program needs.
    :raises SystemExit: always.
    """
    _open_streams()
    try:
        command = load()
    except KeyboardInterrupt:
        sys.exit(130)
    except ModuleNotFoundError as err:
        if err.name != "click":
            raise
        from LLM.extras import how_to_add

        sys.exit(
            "error: the command line needs the package 'click', which is not installed; "
            + how_to_add(extras)
        )
    try:
        command.main(args, prog_name=name)
    except OSError as err:
        # What goes wrong with a named file is an error of ours long before.
        if err.errno not in _OUTPUT_FAILS or err.filename is not None:
            raise
        # Python writes what is left once more when it ends, and would say so in lines of its own.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(f"error: cannot write to standard output: {err.strerror}")
    sys.exit(0)


def _open_streams() -> None:
    """A process that was started with a standard stream closed reads nothing, writes nowhere."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:
            # It takes the number that is free, which no file or socket then gets.
            stream = open(os.devnull, mode, encoding="utf-8")  # noqa: SIM115 - stays open
            setattr(sys, name, stream)
