"""A download's progress on a line of stderr."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import TextIO

#: Takes what a download does, its bytes so far and its bytes in all; 0 where they are not told.
Progress = Callable[[str, int, int], None]

_WIDTH = 78


class ProgressLine:
    """Shows the newest step in place of the last; a line that says the same is not written again.

    :param out: a terminal.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out
        self._shown = ""

    def __call__(self, status: str, n_done: int, n_total: int) -> None:
        """Show a step; see `Progress`."""
        text = status
        if n_total > 0:
            text += f": {min(100, 100 * n_done // n_total)} % of {n_total / 1e9:.2f} GB"
        text = "".join(c if c.isprintable() else "?" for c in text[:_WIDTH])
        if text != self._shown:
            self._out.write(f"\r{text:{_WIDTH}}" + ("\n" if status == "success" else ""))
            self._out.flush()
            self._shown = text


def chosen_progress(asked: bool | Progress | None) -> Progress | None:
    """What to tell steps to; without being asked, a terminal.

    :param asked: True shows a line on stderr, False nothing; a callable is told every step.
    """
    if asked is None:
        asked = sys.stderr.isatty()
    if asked is True:
        return ProgressLine(sys.stderr)
    return None if asked is False else asked
