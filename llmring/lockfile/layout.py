"""Tables put into a lockfile's text and taken out of it, where people would.

To tomlkit, the comments above a table's header belong to the table before it: it would drop them
with that one, and put a new table between a header and its comments.
"""

from __future__ import annotations

import json
from collections.abc import Iterable

from llmring.lockfile.positions import BARE, Key, Span, tables


def add_table(text: str, header: str, lines: Iterable[str], after: Iterable[Key]) -> str:
    """`text` with a table more.

    :param header: with its brackets.
    :param lines: what stands in the table.
    :param after: keys; it comes after the last table below the first of them that has tables, else
        at the end.
    """
    spans = tables(text)
    old = text.split("\n")
    if old[-1] == "":
        old.pop()
    end = len(old)
    for key in after:
        if found := [span.last for span in spans if span.is_below(key)]:
            end = found[-1]
            break
    gap = [""] if end else []
    return "\n".join([*old[:end], *gap, header, *lines, *old[end:]]) + "\n"


def add_line(text: str, key: Key, line: str) -> str:
    """`text` with a line more at the end of the table `key`; as it is where there is none."""
    lines = text.split("\n")
    for span in tables(text):
        if span.key == key:
            lines.insert(span.last, line)
            break
    return "\n".join(lines)


def cut_table(text: str, key: Key, instead: Iterable[str] = ()) -> str:
    """`text` without the table `key`, what is below it, and the comment that stands right above.

    :param instead: lines that take its place.
    """
    lines = text.split("\n")
    found = [span for span in tables(text) if span.is_below(key)]
    for span in reversed(found):
        first, last = _with_comment(lines, span)
        rest = lines[last:]
        if rest and not rest[0].strip() and (first == 0 or not lines[first - 1].strip()):
            del rest[0]  # or two empty lines would meet
        lines = [*lines[:first], *(instead if span is found[0] else ()), *rest]
    return "\n".join(lines)


def header(key: Iterable[str], *, array: bool = False) -> str:
    """The header of a table."""
    name = ".".join(map(_quoted, key))
    return f"[[{name}]]" if array else f"[{name}]"


def pair(key: str, value: str | int | list[str]) -> str:
    """``key = value``; an array of several has one on each line."""
    if isinstance(value, list) and len(value) > 1:
        items = "".join(f"    {_string(one)},\n" for one in value)
        return f"{_quoted(key)} = [\n{items}]"
    said = f"[{', '.join(map(_string, value))}]" if isinstance(value, list) else _scalar(value)
    return f"{_quoted(key)} = {said}"


def _with_comment(lines: list[str], span: Span) -> tuple[int, int]:
    first = span.first - 1
    while first > 0 and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    # The comment at the head of the file is the file's.
    return (first, span.last) if first > 0 else (span.first - 1, span.last)


def _quoted(name: str) -> str:
    return name if BARE.fullmatch(name) else _string(name)


def _string(text: str) -> str:
    # Names are printable, and for such text JSON's escapes are TOML's.
    return json.dumps(text, ensure_ascii=False)


def _scalar(value: str | int) -> str:
    return _string(value) if isinstance(value, str) else str(value)
