"""Tool calls in a model's text: ``<tool_call>{"name": …, "arguments": …}</tool_call>``.

The parser is fed text in any pieces and gives text and calls back; the pieces do not change the
result. It never goes back over text, so its time is linear. Whitespace around calls belongs to the
markup.

Text that a model wrote freely may only look like a call: a block counts once it is closed, or at
the end, and one that is no call (not JSON, no name) is given back as the text that it is. In text
that a grammar held, a block is a call from its first letter: its name is given as soon as it
stands there, and its arguments as they come.
"""

from __future__ import annotations

import re
import secrets
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

#: What stands around a call.
OPEN, CLOSE = "<tool_call>", "</tool_call>"
#: The beginning of a held call, up to its arguments; see `grammars`.
_HEAD = re.compile(r'\s*\{"name": ("(?:[^"\\]|\\.)*"), "arguments": ')
_MARKS = re.compile(r'["\\{}\[\]]')


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """A call found in the text; `arguments` is JSON text, as far as it has come."""

    id: str
    name: str
    arguments: str


@dataclass(frozen=True, slots=True)
class MoreArguments:
    """More of the arguments of the last call."""

    arguments: str


Piece = str | ParsedCall | MoreArguments


def _begun(text: str, tag: str) -> int:
    """Length of the longest end of `text` that begins `tag`."""
    for length in range(min(len(tag) - 1, len(text)), 0, -1):
        if tag.startswith(text[-length:]):
            return length
    return 0


def new_call_id() -> str:
    """An id by which a tool's result names its call."""
    return f"call_{secrets.token_hex(12)}"


def parse_call(text: str) -> ParsedCall | None:
    """The call that a block's inside spells; None when it is none."""
    try:
        data: Any = from_json(text.strip(), allow_inf_nan=False)
    except ValueError:
        return None
    if not isinstance(data, dict) or not isinstance(data.get("name"), str) or not data["name"]:
        return None
    arguments = data.get("arguments", data.get("parameters", {}))
    if not isinstance(arguments, str):
        arguments = to_json({} if arguments is None else arguments).decode()
    return ParsedCall(new_call_id(), data["name"], arguments)


class _FreeBlock:
    """The inside of a block in free text, kept until it is closed.

    :ivar is_whole: whether nothing of it is missing.
    """

    is_whole = True

    def __init__(self) -> None:
        self._text: list[str] = []
        self._end = ""  # may be the beginning of the closing tag

    def feed(self, text: str) -> tuple[list[Piece], str | None]:
        """What is certain, and the text after the block; None while it goes on."""
        inside, found, after = (self._end + text).partition(CLOSE)
        if found:
            self._text.append(inside)
            return self._pieces(CLOSE), after
        n_held = _begun(inside, CLOSE)
        self._text.append(inside[: len(inside) - n_held])
        self._end = inside[len(inside) - n_held :]
        return [], None

    def flush(self) -> list[Piece]:
        """What the block was, which nothing closed."""
        self._text.append(self._end)
        return self._pieces("")

    def _pieces(self, tag: str) -> list[Piece]:
        block = "".join(self._text)
        call = parse_call(block)
        return [OPEN + block + tag if call is None else call]


class _HeldBlock:
    """The inside of a block that a grammar held, given as it comes.

    It ends where its arguments do: a closing tag may stand in a text among them.

    :ivar is_whole: whether its arguments are complete.
    """

    def __init__(self) -> None:
        self.is_whole = False
        self._named = False
        self._wait = ""  # the head, then what is after the arguments
        self._depth = 0  # of brackets in the arguments
        self._in_text = False
        self._escaped = False

    def feed(self, text: str) -> tuple[list[Piece], str | None]:
        """What is certain, and the text after the block; None while it goes on."""
        out: list[Piece] = []
        if not self._named:
            self._wait += text
            head = _HEAD.match(self._wait)
            if head is None:
                return [], None
            self._named = True
            out.append(ParsedCall(new_call_id(), from_json(head[1]), ""))
            text, self._wait = self._wait[head.end() :], ""
        if not self.is_whole and text:
            n_arguments = self._scan(text)
            out.append(MoreArguments(text[:n_arguments]))
            text = text[n_arguments:]
        if not self.is_whole:
            return out, None
        self._wait += text
        _, found, after = self._wait.partition(CLOSE)
        return out, after if found else None

    def flush(self) -> list[Piece]:
        """What is left of a block that nothing closed."""
        return [] if self._named else [OPEN + self._wait]

    def _scan(self, text: str) -> int:
        """How many characters belong to the arguments; counts brackets outside of texts."""
        at = int(self._escaped)
        self._escaped = False
        while found := _MARKS.search(text, at):
            at = found.end()
            if found[0] == "\\":
                self._escaped = at == len(text)
                at += 1
            elif found[0] == '"':
                self._in_text = not self._in_text
            elif not self._in_text:
                self._depth += 1 if found[0] in "{[" else -1
                if not self._depth:
                    self.is_whole = True
                    return at
        return len(text)


class ToolCallParser:
    """Takes calls out of a stream of text.

    :param held: a grammar held the text, so that every block is a call, whole or cut at the end.
    :ivar is_cut: after `flush`, whether the text ended inside of a call.
    """

    def __init__(self, *, held: bool = False) -> None:
        self._new_block = _HeldBlock if held else _FreeBlock
        self._block: _FreeBlock | _HeldBlock | None = None
        self._tag = ""  # the end of the text, which may begin a block
        self._blanks = ""
        self.n_calls = 0
        self.is_cut = False

    def feed(self, text: str) -> list[Piece]:
        """Text and calls, in order, that are certain once `text` has arrived."""
        out: list[Piece] = []
        rest: str | None = text
        while rest is not None:
            rest = self._outside(rest, out) if self._block is None else self._inside(rest, out)
        return out

    def _outside(self, text: str, out: list[Piece]) -> str | None:
        """Take text up to the next block; what is after its opening tag."""
        before, found, after = (self._tag + text).partition(OPEN)
        n_held = 0 if found else _begun(before, OPEN)
        self._tag = before[len(before) - n_held :]
        self._say(before[: len(before) - n_held], out)
        if not found:
            return None
        self._block = self._new_block()
        return after

    def _inside(self, text: str, out: list[Piece]) -> str | None:
        assert self._block
        pieces, after = self._block.feed(text)
        self._add(pieces, out)
        if after is not None:
            self._block = None
            self._blanks = ""
        return after

    def _say(self, text: str, out: list[Piece]) -> None:
        text = self._blanks + text
        stripped = text.rstrip()
        self._blanks = text[len(stripped) :]
        if stripped:
            out.append(stripped)

    def _add(self, pieces: list[Piece], out: list[Piece]) -> None:
        for piece in pieces:
            self.n_calls += isinstance(piece, ParsedCall)
            out.append(self._blanks + piece if isinstance(piece, str) else piece)

    def flush(self) -> list[Piece]:
        """The rest, once no more text can come; a call need not be closed."""
        out: list[Piece] = []
        if self._block is None:
            self._say(self._tag, out)
            if self._blanks and not self.n_calls:
                out.append(self._blanks)
            return out
        self.is_cut = not self._block.is_whole
        self._add(self._block.flush(), out)
        return out
