"""Terminals, and text that steers none and forges no line."""

from __future__ import annotations

from typing import TextIO


def printable(line: str) -> str:
    """A line that is only text.

    Escaped are line breaks, control characters, and marks that turn the direction of writing.
    """
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)


def is_terminal(stream: TextIO | None) -> bool:
    """Whether a stream writes to a terminal.

    :param stream: one of `sys`, which is None in a program without a console. It may be closed.
    """
    try:
        return stream is not None and stream.isatty()
    except ValueError:
        return False
