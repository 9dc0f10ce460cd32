r"""Regular expressions that mean the same to whoever wrote them and to whoever checks the answer.

A pattern may be read by ECMAScript, by Python's `re` or by Rust's `regex`, which differ: whether
``\w`` takes an é, whether ``[`` in a class opens another. `portable` rewrites a pattern so that
what it matches, matches in all three, and refuses what only some of them know.
"""

from __future__ import annotations

import re

MAX_PATTERN_CHARS = 1024
MAX_REPEAT = 1000
#: Most copies that counted repetitions inside each other make; automata grow with them.
MAX_COPIES = 10_000
_MAX_NESTING = 32

# Of each shorthand the set that all readers agree is in it, and the set that any of them puts in.
_SURE = {"d": "0-9", "w": "A-Za-z0-9_", "s": r" \t\n\r\x0b\x0c"}
_WIDE = {
    "d": r"\p{Nd}",
    "w": r"\p{Alphabetic}\p{M}\p{N}\p{Pc}\x{200c}\x{200d}",
    "s": r"\p{White_Space}\x1c-\x1f\x{feff}",
}
_NO_LINE_END = r"[^\n\r\x{85}\x{2028}\x{2029}]"
_QUANTIFIER = re.compile(r"[*+?]|\{(\d{1,9})(,(\d{0,9}))?\}")
_GROUP_NAME = re.compile(r"\?P?<[A-Za-z_][A-Za-z0-9_]*>|\?:")
_HEX = re.compile(r"x[0-9A-Fa-f]{2}|u[0-9A-Fa-f]{4}")
_PROPERTY = re.compile(r"[pP]\{[A-Za-z_=]{1,40}\}")
#: pydantic's pattern of a `Decimal`, and the same without look-ahead.
_KNOWN = {r"^(?!^[-+.]*$)[+-]?0*\d*\.?\d*$": r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)$"}


def portable(pattern: str) -> str:
    """The pattern for the automaton.

    :param pattern: at most `MAX_PATTERN_CHARS` characters.
    :raises ValueError: says what is wrong in a few words.
    """
    if len(pattern) > MAX_PATTERN_CHARS:
        raise ValueError(
            f"the pattern has {len(pattern):,} characters; at most {MAX_PATTERN_CHARS:,} are read"
        )
    return _Reader(_KNOWN.get(pattern, pattern)).read()


class _Reader:
    """Walks over a pattern once, from left to right."""

    def __init__(self, pattern: str) -> None:
        self._text = pattern
        self._at = 0
        self._out: list[str] = []
        self._copies = [1]  # of each open group, the most copies of an atom in it
        self._atom = 0  # copies in the last atom; 0 where there is none to repeat

    def read(self) -> str:
        while self._at < len(self._text):
            self._step(self._text[self._at])
        if len(self._copies) > 1:
            raise ValueError("a group is not closed")
        return "".join(self._out)

    def _step(self, char: str) -> None:
        if char == "\\":
            self._escape()
        elif char == "[":
            self._class()
        elif char == "(":
            self._open()
        elif char == ")":
            self._close()
        elif char in "*+?{":
            self._repeat()
        elif char in "^$|":
            self._put(char, 1, 0)
        else:
            self._put(_NO_LINE_END if char == "." else _literal(char), 1, 1)

    def _put(self, text: str, n_chars: int, atom: int) -> None:
        self._out.append(text)
        self._at += n_chars
        self._atom = atom

    def _escape(self) -> None:
        char = self._text[self._at + 1 : self._at + 2]
        if char in _SURE:
            self._put(f"[{_SURE[char]}]", 2, 1)
        elif char and char.lower() in _WIDE:
            self._put(f"[^{_WIDE[char.lower()]}]", 2, 1)
        else:
            escape = self._plain_escape()
            self._put(escape, max(2, len(escape)), 1)

    def _plain_escape(self) -> str:
        """The escape at this place, which stands for one character or a Unicode property."""
        rest = self._text[self._at + 1 : self._at + 48]
        found = _HEX.match(rest) or _PROPERTY.match(rest)
        if found:
            return "\\" + found[0]
        if rest[:1] in "tnrfv" and rest:
            return "\\" + rest[0]
        if not rest or rest[0].isalnum():
            raise ValueError(
                f"the escape {self._text[self._at : self._at + 2]!r} is not supported; of escapes "
                r"with letters and digits \d \w \s \D \W \S \t \n \r \f \v \xHH \uHHHH and \p{…} "
                "are"
            )
        return re.escape(rest[0]) if rest[0] != "-" else r"\-"

    def _class(self) -> None:
        begin = self._at
        self._at += 1
        negated = self._text.startswith("^", self._at)
        self._at += negated
        if self._text.startswith("]", self._at):
            raise ValueError("a class begins with ']'; write it as '\\]'")
        out = ["[^" if negated else "["]
        while not self._text.startswith("]", self._at):
            if self._at >= len(self._text):
                raise ValueError("a class is not closed")
            piece, n_chars = self._class_item(negated)
            out.append(piece)
            self._at += n_chars
        self._at, end = begin, self._at + 1
        self._put("".join(out) + "]", end - begin, 1)

    def _class_item(self, negated: bool) -> tuple[str, int]:
        char = self._text[self._at]
        if self._text.startswith("--", self._at):
            raise ValueError("'--' in a class is not supported; write '\\-'")
        if char != "\\":
            return ("\\" + char if char in "[&~^#" else _literal(char)), 1
        name = self._text[self._at + 1 : self._at + 2]
        if name in _SURE:
            return (_WIDE if negated else _SURE)[name], 2
        if name and name.lower() in _SURE:
            return f"[^{(_SURE if negated else _WIDE)[name.lower()]}]", 2
        escape = self._plain_escape()
        return escape, max(2, len(escape))

    def _open(self) -> None:
        found = _GROUP_NAME.match(self._text, self._at + 1)
        if found is None and self._text.startswith("?", self._at + 1):
            raise ValueError(
                f"{self._text[self._at : self._at + 4]!r} is not supported: there are no "
                "look-around, flags or conditions"
            )
        if len(self._copies) > _MAX_NESTING:
            raise ValueError(f"groups are nested more than {_MAX_NESTING} deep")
        self._copies.append(1)
        self._put("(?:", 1 + (len(found[0]) if found else 0), 0)

    def _close(self) -> None:
        if len(self._copies) == 1:
            raise ValueError("a ')' closes no group")
        self._put(")", 1, self._copies.pop())

    def _repeat(self) -> None:
        found = _QUANTIFIER.match(self._text, self._at)
        if found is None:  # a brace that counts nothing stands for itself
            if self._text.startswith("{,", self._at):
                raise ValueError("'{,n}' means different things; write '{0,n}'")
            self._put("\\{", 1, 1)
            return
        if not self._atom:
            raise ValueError(f"{found[0]!r} has nothing to repeat")
        lazy = self._text.startswith("?", found.end())
        if self._text.startswith(("+", "*", "{"), found.end() + lazy):
            raise ValueError(f"{found[0]!r} is repeated again; put a group around it")
        copies = self._atom * _times(found)
        if copies > MAX_COPIES:
            raise ValueError(
                f"repetitions inside each other make {copies:,} copies; at most {MAX_COPIES:,} "
                "are taken"
            )
        self._copies[-1] = max(self._copies[-1], copies)
        # Lazy or not, the texts that match are the same.
        self._put(found[0], len(found[0]) + lazy, 0)


def _literal(char: str) -> str:
    if not char.isprintable():
        return f"\\x{{{ord(char):x}}}"
    return "\\" + char if char in "]}" else char


def _times(found: re.Match[str]) -> int:
    """Most copies that a quantifier makes; what has no end makes as many as its beginning."""
    if found[1] is None:
        return 1
    least, most = int(found[1]), int(found[3] or found[1])
    if max(least, most) > MAX_REPEAT:
        raise ValueError(f"{found[0]!r} repeats more than {MAX_REPEAT:,} times")
    if most < least:
        raise ValueError(f"{found[0]!r} ends before it begins")
    return max(most, 1)
