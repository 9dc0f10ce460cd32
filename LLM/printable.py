"""Text that steers no terminal and forges no line."""

from __future__ import annotations


def printable(line: str) -> str:
    """A line that is only text.

    Escaped are line breaks, control characters, and marks that turn the direction of writing.
    """
    if line.isprintable():
        return line
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in line)
