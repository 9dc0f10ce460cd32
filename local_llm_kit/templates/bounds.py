"""How large the values may be that a chat template makes, one by one and all together."""

from __future__ import annotations

import threading
from typing import Any

#: Longest prompt that a template may make, in characters.
MAX_OUTPUT_CHARS = 16_000_000
#: Longest list that it may make on the way, its items' items counted too.
MAX_ITEMS = 1_000_000
#: Characters and items that all values made in one rendering may have together.
MAX_MADE = 100_000_000
#: Bits of a number: a division takes the square of their number.
MAX_BITS = 4096


class TooMuch(Exception):
    """A bound was passed."""


class TemplateRefusal(Exception):
    """The template itself refused the messages, with `raise_exception`."""


_made = threading.local()


def begin() -> None:
    """Count anew what this thread makes."""
    _made.n = 0


def spend(value: Any) -> Any:
    """`value`, its characters or items counted: many values in bounds fill a machine too."""
    if isinstance(value, int):
        if value.bit_length() > MAX_BITS:
            raise TooMuch(f"a number of more than {MAX_BITS:,} bits")
    elif size := size_of(value):
        check_size(value, size)
        _made.n = getattr(_made, "n", 0) + size
        if _made.n > MAX_MADE:
            raise TooMuch(f"values of more than {MAX_MADE:,} characters and items on the way")
    return value


def size_of(value: object) -> int:
    """Characters or items of a value; 0 of one that has none."""
    return len(value) if isinstance(value, (str, list, tuple, dict)) else 0


def check_size(like: object, size: int) -> None:
    """Refuse a value of the kind of `like` and of this size, before it is made."""
    limit = MAX_OUTPUT_CHARS if isinstance(like, str) else MAX_ITEMS
    if size > limit:
        raise TooMuch(f"a value of more than {limit:,} items")


def bounded(value: Any) -> Any:
    """`value`, unless it or the tree of lists below it is too large.

    A list that holds one list twice, and so on sixty times, is small in memory and endless to
    print or to compare: it is counted as a tree. So are its texts.
    """
    if isinstance(value, str) or not size_of(value):
        return spend(value)
    left, n_items, n_chars = [value], 0, 0
    while left:
        item = left.pop()
        if isinstance(item, str):
            n_chars += len(item)
            check_size(item, n_chars)
        elif isinstance(item, (list, tuple, dict)):
            n_items += len(item)
            check_size(item, n_items)
            left.extend(item.values() if isinstance(item, dict) else item)
    return spend(value)
