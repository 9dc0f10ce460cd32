"""Tool calls in a model's text: ``<tool_call>{"name": …, "arguments": …}</tool_call>``.

The parser is fed text in any pieces and gives text and calls back; the pieces do not change the
result. It never goes back over text, so its time is linear. A block that is no call (not JSON, no
name) is given back as the text that it is. Whitespace around calls belongs to the markup.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Any

from pydantic_core import from_json, to_json

_OPEN, _CLOSE = "<tool_call>", "</tool_call>"


@dataclass(frozen=True, slots=True)
class ParsedCall:
    """A call found in the text; `arguments` is JSON text."""

    id: str
    name: str
    arguments: str


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


class ToolCallParser:
    """Takes calls out of a stream of text."""

    def __init__(self) -> None:
        self._inside = False
        self._held = ""  # outside: a tag that may have begun; inside: the last characters
        self._block: list[str] = []
        self._blanks = ""
        self.n_calls = 0

    def feed(self, text: str) -> list[str | ParsedCall]:
        """Text and calls, in order, that are certain once `text` has arrived."""
        out: list[str | ParsedCall] = []
        text = self._held + text
        while True:
            tag = _CLOSE if self._inside else _OPEN
            before, found, text = text.partition(tag)
            if not found:
                n_held = _begun(before, tag)
                self._take(before[: len(before) - n_held], out)
                self._held = before[len(before) - n_held :]
                return out
            self._take(before, out)
            if self._inside:
                self._close_block(out, _CLOSE)
            self._inside = not self._inside

    def _take(self, text: str, out: list[str | ParsedCall]) -> None:
        if self._inside:
            self._block.append(text)
            return
        text = self._blanks + text
        stripped = text.rstrip()
        self._blanks = text[len(stripped) :]
        if stripped:
            out.append(stripped)

    def _close_block(self, out: list[str | ParsedCall], tag: str) -> None:
        block = "".join(self._block)
        self._block.clear()
        call = parse_call(block)
        if call is None:
            out.append(self._blanks + _OPEN + block + tag)
        else:
            self.n_calls += 1
            out.append(call)
        self._blanks = ""

    def flush(self) -> list[str | ParsedCall]:
        """The rest, once no more text can come; a call need not be closed."""
        out: list[str | ParsedCall] = []
        self._take(self._held, out)
        self._held = ""
        if self._inside:
            self._inside = False
            self._close_block(out, "")
        elif self._blanks and not self.n_calls:
            out.append(self._blanks)
            self._blanks = ""
        return out
