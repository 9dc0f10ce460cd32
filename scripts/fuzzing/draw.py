"""Decisions out of bytes, so that a fuzzer of bytes makes values of any shape."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, TypeVar

T = TypeVar("T")

_TEXTS = ("", "a", "b", "name", "$ref", "é", "\x00", '"', "\\", "\n", "\U0001f600", "#", "x" * 70)
_NUMBERS: tuple[Any, ...] = (0, 1, 2, -1, 10, 0.5, -2.5, 1e300, 2**63, 10**40, 255)


class Draw:
    """Reads decisions off bytes; once these have ended, each is the first of its choices."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def is_over(self) -> bool:
        """Whether no byte is left."""
        return self._at >= len(self._data)

    def number(self, n: int) -> int:
        """A whole number from 0 to `n` - 1, at most 255."""
        if self.is_over:
            return 0
        self._at += 1
        return self._data[self._at - 1] % n

    def one(self, choices: Sequence[T]) -> T:
        """One of `choices`."""
        return choices[self.number(len(choices))]

    def some(self, choices: Sequence[T], most: int) -> list[T]:
        """Up to `most` of `choices`, some maybe twice."""
        return [self.one(choices) for _ in range(self.number(most + 1))]

    def value(self, depth: int = 3) -> Any:
        """A JSON value."""
        kind = self.number(7 if depth else 5)
        if kind == 0:
            return None
        if kind == 1:
            return self.one((True, False))
        if kind == 2:
            return self.one(_NUMBERS)
        if kind in (3, 4):
            return self.one(_TEXTS)
        if kind == 5:
            return [self.value(depth - 1) for _ in range(self.number(4))]
        return {self.one(_TEXTS): self.value(depth - 1) for _ in range(self.number(4))}


def pieces(data: bytes) -> tuple[bytes, list[bytes]]:
    """A stream and the same stream in pieces, whose sizes its first two bytes decide.

    :param data: the two bytes, and behind them the stream.
    """
    head, stream = data[:2].ljust(2, b"\0"), data[2:]
    sizes = (head[0] % 16 + 1, head[1] % 64 + 1)
    cut: list[bytes] = []
    at = 0
    while at < len(stream):
        size = sizes[len(cut) % 2]
        cut.append(stream[at : at + size])
        at += size
    return stream, cut
