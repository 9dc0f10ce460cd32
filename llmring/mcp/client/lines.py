"""The lines of a server's standard output, put together in linear time, and of bounded length.

The SDK joins what it has of a line anew with each piece, which takes 2 s of the event loop for one
of 16 MB, and has no bound. But it decodes pieces by an encoding of the caller's choice. So this one
is an encoding: UTF-8 whose decoder gives whole lines only.
"""

from __future__ import annotations

import codecs
import json
import re
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

#: The encoding's name.
ENCODING = "llmring_mcp_lines"
#: Most bytes of a line.
MAX_LINE_BYTES = 32 * 2**20

# Half of a pair of UTF-16, as JavaScript writes a text that was cut within an emoji.
_HALF = re.compile(r"\\u[dD][89a-fA-F]")
_LONE = re.compile(r"[\ud800-\udfff]")

#: Is told of a line that is too long, from the decoder of the connection that is being made.
_on_overlong: ContextVar[Callable[[], None]] = ContextVar("on_overlong")


def bounded(on_overlong: Callable[[], None]) -> str:
    """The encoding's name, for the connection that the calling task makes next.

    :param on_overlong: is called once if a line is longer than `MAX_LINE_BYTES`; nothing is decoded
        from then on.
    """
    _on_overlong.set(on_overlong)
    return ENCODING


class Lines(codecs.IncrementalDecoder):
    """Decodes whole lines, and holds the beginning of the next back."""

    def __init__(self, errors: str = "strict") -> None:
        super().__init__(errors)
        self._on_overlong = _on_overlong.get()
        self._pieces: list[bytes] = []
        self._room = MAX_LINE_BYTES

    def decode(self, data: Any, final: bool = False) -> str:
        """The lines that end in `data`; each of bytes that are not UTF-8 becomes U+FFFD."""
        piece = bytes(data)
        end = piece.rfind(b"\n") + 1
        first = piece.find(b"\n")
        if self._is_overlong(first if end else len(piece)):
            return ""
        if not end:
            self._pieces.append(piece)
            return ""
        whole = b"".join((*self._pieces, piece[:end])).decode(errors="replace")
        self._pieces, self._room = [piece[end:]], MAX_LINE_BYTES - len(piece) + end
        return "\n".join(map(_repaired, whole.split("\n"))) if _HALF.search(whole) else whole

    def _is_overlong(self, n_bytes: int) -> bool:
        """Whether the line that has begun is too long with these bytes more."""
        if self._room < 0:
            return True
        self._room -= n_bytes
        if self._room < 0:
            self._pieces.clear()
            self._on_overlong()
        return self._room < 0


def _repaired(line: str) -> str:
    """A line of JSON with U+FFFD for each lone surrogate; the SDK's parser refuses those."""
    if not _HALF.search(line):
        return line
    try:
        text = json.dumps(json.loads(line), ensure_ascii=False)
    except (ValueError, RecursionError):
        return line
    return _LONE.sub("\N{REPLACEMENT CHARACTER}", text)


def _search(name: str) -> codecs.CodecInfo | None:
    if name != ENCODING:
        return None
    utf_8 = codecs.lookup("utf-8")
    return codecs.CodecInfo(utf_8.encode, utf_8.decode, incrementaldecoder=Lines, name=ENCODING)


codecs.register(_search)
