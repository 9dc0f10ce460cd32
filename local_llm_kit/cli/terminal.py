"""Writing on a terminal: what a model says is text there, and never steers it."""

from __future__ import annotations

import io
import os
import sys
from typing import TextIO

import click

# Line breaks and tabs are text; every other control character could move the cursor, set the
# window's title or type for the user.
_CONTROLS = {*range(0x20), *range(0x7F, 0xA0)} - {ord("\n"), ord("\t"), ord("\r")}
_VISIBLE: dict[int, str | None] = {
    **dict.fromkeys(_CONTROLS, "\N{REPLACEMENT CHARACTER}"),
    ord("\r"): None,
}


def printable(text: str) -> str:
    """A text without the characters that steer a terminal."""
    return text.translate(_VISIBLE)


def printable_line(text: str) -> str:
    """A text as one line that cannot steer a terminal: names come from files and from servers."""
    return "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)


class Output:
    """Where an answer goes as it is made: on a terminal made harmless, in a pipe as it is.

    :param stream: a text stream; each piece is written out at once.
    """

    def __init__(self, stream: TextIO) -> None:
        if isinstance(stream, io.TextIOWrapper):
            # A locale of few letters must not end an answer in the middle.
            stream.reconfigure(errors="replace")
        self._stream = stream
        self._is_terminal = stream.isatty()
        self._last = "\n"

    def write(self, text: str) -> None:
        """Write a piece.

        :raises BrokenPipeError: the reader has gone.
        """
        if text:
            self._last = text[-1]
            self._stream.write(printable(text) if self._is_terminal else text)
            self._stream.flush()

    def write_dimly(self, text: str) -> None:
        """Write what is not the answer; only on a terminal."""
        if text and self._is_terminal:
            self._last = text[-1]
            self._stream.write(dim(printable(text), self._stream))
            self._stream.flush()

    def end_line(self) -> None:
        """Begin a new line unless one has just begun."""
        if self._last != "\n":
            self.write("\n")


def has_colour(stream: TextIO) -> bool:
    """Whether a stream is a terminal that may be coloured; see https://no-color.org."""
    plain = os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb"
    return stream.isatty() and not plain


def dim(text: str, stream: TextIO) -> str:
    """A text in a faint colour where the stream has colours."""
    return click.style(text, dim=True) if has_colour(stream) else text


def note(text: str) -> None:
    """A line for the user on standard error, faint."""
    click.echo(dim(printable(text), sys.stderr), err=True, color=True)
