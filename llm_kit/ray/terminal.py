"""Keeping the lines of Ray's C++ core off the terminal while it starts."""

from __future__ import annotations

import os
import re
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager

# [2026-01-31 07:23:44,004 I 30840 30840] logging.cc:303: Set ray log level ...
_CORE_LINE = re.compile(rb"\[[-\d]+ [\d:,]+ [DIWEF] \d+ \d+\] [^\n]*(?:\n|$)")


@contextmanager
def quiet_start() -> Iterator[None]:
    """Hold back what is written to standard error, and write all but the core's lines afterwards.

    The core writes to file descriptor 2 itself, past `sys.stderr` and `logging`, and says what log
    level it was given before it heeds it. It is for a start of some seconds only: meanwhile nothing
    shows, of other threads neither.
    """
    try:
        terminal = os.dup(2)
    except OSError:
        # Started without a standard error: nothing to keep clean.
        yield
        return
    with tempfile.TemporaryFile() as held:
        _flush()
        os.dup2(held.fileno(), 2)
        try:
            yield
        finally:
            _flush()
            os.dup2(terminal, 2)
            os.close(terminal)
            held.seek(0)
            if rest := _CORE_LINE.sub(b"", held.read()):
                os.write(2, rest)


def _flush() -> None:
    if sys.stderr is not None:
        sys.stderr.flush()
