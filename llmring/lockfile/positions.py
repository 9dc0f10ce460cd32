"""On which line of a TOML text a key stands.

tomllib gives values without places, so an error about a value has to look for it. The text is one
that tomllib has read: its grammar needs no checking here, only strings, comments and brackets have
to be told apart, so that a ``[`` inside them opens nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, NamedTuple

from llmring.lockfile.reading import parse_toml

Key = tuple[str | int, ...]

#: A name that needs no quotes in TOML.
BARE = re.compile(r"[\w-]+", re.ASCII)
_TOKEN = re.compile(
    r'''"""(?:[^\\]|\\.)*?"""+|\'{3}.*?\'{3}+|"(?:[^"\\\n]|\\.)*"|'[^'\n]*'|#[^\n]*|[\[\]{}\n]|[^\[\]{}\n"'#]+''',
    re.DOTALL,
)


class Positions:
    """The lines of a text's keys, looked up when one is first asked for."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[Key, int] | None = None

    def line_of(self, key: Key) -> int | None:
        """The line, from 1, that defines `key` or the nearest key around it; None if none does.

        :param key: names, and after the name of an array the number of its element.
        """
        if self._lines is None:
            self._lines = {}
            for _, found, line in _definitions(self._text):
                for end in range(1, len(found) + 1):
                    self._lines.setdefault(found[:end], line)
        lines = self._lines
        return next(
            (lines[key[:end]] for end in range(len(key), 0, -1) if key[:end] in lines), None
        )


class Span(NamedTuple):
    """The lines of a table.

    :param first: that of its header, from 1.
    :param last: the last of its last value; the comments after it are the next table's.
    """

    key: Key
    first: int
    last: int

    def is_below(self, key: Key) -> bool:
        """Whether this is the table `key` or one in it."""
        return self.key[: len(key)] == key


def tables(text: str) -> list[Span]:
    """The tables that have headers, in order."""
    spans: list[Span] = []
    for statement, key, line in _definitions(text):
        last = line + statement.count("\n")
        if statement.startswith("["):
            spans.append(Span(key, line, last))
        elif spans:
            spans[-1] = spans[-1]._replace(last=last)
    return spans


def _definitions(text: str) -> Iterator[tuple[str, Key, int]]:
    """Each statement, the key that it defines, and its first line."""
    table: Key = ()
    counts: dict[Key, int] = {}
    for statement, line in _statements(text):
        if statement.startswith("[["):
            name = _resolved(_parts(statement[2:-2]), counts)
            counts[name] = counts.get(name, -1) + 1
            table = (*name, counts[name])
            yield statement, table, line
        elif statement.startswith("["):
            table = _resolved(_parts(statement[1:-1]), counts)
            yield statement, table, line
        else:
            yield statement, (*table, *_parts(_before_equals(statement))), line


def _resolved(parts: Key, counts: dict[Key, int]) -> Key:
    """A header's key with the number of the element that each array in it stands at."""
    key: Key = ()
    for part in parts[:-1]:
        key = (*key, part)
        if key in counts:
            key = (*key, counts[key])
    return (*key, *parts[-1:])


def _statements(text: str) -> Iterator[tuple[str, int]]:
    """Each header or ``key = value`` with its first line, comments left out."""
    depth, line, start, held = 0, 1, 1, ""
    for token in _TOKEN.findall(text.replace("\r\n", "\n")):
        if token == "\n" and depth == 0:
            if held.strip():
                yield held.strip(), start
            held = ""
        elif not token.startswith("#"):
            depth += (token in "[{") - (token in "]}") if len(token) == 1 else 0
            if not held.strip():
                start = line
            held += token
        line += token.count("\n")
    if held.strip():
        yield held.strip(), start


def _before_equals(statement: str) -> str:
    held = ""
    token: str
    for token in _TOKEN.findall(statement):
        if token[0] not in "\"'" and "=" in token:
            return held + token.partition("=")[0]
        held += token
    return held


def _parts(dotted: str) -> Key:
    """The names of a dotted key, quotes and escapes resolved (by tomllib itself)."""
    if BARE.fullmatch(dotted.strip()):
        return (dotted.strip(),)
    names: list[str | int] = []
    value: Any = parse_toml(f"{dotted} = 0", None)
    while isinstance(value, dict):
        name, value = next(iter(value.items()))
        names.append(name)
    return tuple(names)


def dotted(key: Key) -> str:
    """`key` as people write it: ``profiles.dev.bindings[0].models``."""
    text = ""
    for part in key:
        if isinstance(part, int):
            text += f"[{part}]"
        else:
            plain = len(part) <= 200 and BARE.fullmatch(part)
            text += ("." if text else "") + (part if plain else repr(part[:200]))
    return text
