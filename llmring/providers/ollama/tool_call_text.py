"""Tool calls in the text of a model that was told of tools in its prompt.

Such a model is asked for ``<tool_call>{"name": …, "arguments": {…}}</tool_call>``. Many write
blocks of code instead, or bare JSON, and prose around it: all of these are read. What names no tool
on offer, or is no whole JSON, is the text that it is.

The parser is fed text in any pieces, and the pieces do not change the result. Of text it keeps back
only what may begin a call, and it never goes back over what it has read, so its time is linear. Its
states are: outside (text), opened (behind ``<tool_call>`` or a fence), inside (a JSON value) and
after (behind a call, where what closes its markup is dropped).
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import Literal

from llmring.providers.ollama.tool_call_value import CallValue, TextCall

#: What stands around a call.
OPEN, CLOSE = "<tool_call>", "</tool_call>"
_FENCE = "```"

_BEGINNING = re.compile(r"<tool_call>|```|[{\[]")
_LANGUAGE = re.compile(r"[A-Za-z_]{0,20}")
#: What weak models leave behind a call, inside of its markup.
_LITTER = " \t\r\n}],;"
#: Characters that are read at once: what is left of them is copied at each mark.
_STEP_CHARS = 4096

Piece = str | TextCall


class ToolCallText:
    """Takes calls out of a model's text. Whitespace around calls belongs to the markup.

    :param names: of the tools on offer.
    :param parallel: whether the model may make several calls; without, all behind the first is
        dropped, as if the model had stopped there.
    :ivar n_calls: calls found so far.
    """

    def __init__(self, names: Collection[str], *, parallel: bool = True) -> None:
        self.n_calls = 0
        self._names = names
        self._parallel = parallel
        self._state: Literal["outside", "opened", "inside", "after"] = "outside"
        self._rest = ""  # what may be the beginning of a mark
        self._markup: list[str] = []  # what stands before the value, text if that is no call
        self._value = CallValue()
        self._n_open = {_FENCE: 0, CLOSE: 0}  # markup around calls that is to be closed
        self._in_code = False  # behind a fence that is text
        self._blanks = ""  # at the end of the text so far
        self._has_text = False
        self._is_behind_call = False

    def feed(self, text: str) -> list[Piece]:
        """Text and calls, in order, that are certain once `text` has arrived."""
        out: list[Piece] = []
        for start in range(0, len(text), _STEP_CHARS):
            rest, self._rest = self._rest + text[start : start + _STEP_CHARS], ""
            while rest and not self._is_over:
                rest = self._step(rest, out)
        return out

    def flush(self) -> list[Piece]:
        """The rest, once no more text can come."""
        out: list[Piece] = []
        if not self._is_over:
            self._give_up(out)
            self._say(self._rest, out)
            if not self.n_calls and self._blanks:
                out.append(self._blanks)
        return out

    @property
    def _is_over(self) -> bool:
        return bool(self.n_calls) and not self._parallel

    def _step(self, text: str, out: list[Piece]) -> str:
        """Take some of the text. :return: what the next step is to take."""
        if self._state == "outside":
            return self._outside(text, out)
        if self._state == "opened":
            return self._opened(text, out)
        if self._state == "inside":
            return self._inside(text, out)
        return self._after(text)

    def _outside(self, text: str, out: list[Piece]) -> str:
        found = _BEGINNING.search(text)
        if found is None:
            n_held = _begun(text, OPEN, _FENCE)
            self._say(text[: len(text) - n_held], out)
            self._rest = text[len(text) - n_held :]
            return ""
        self._say(text[: found.start()], out)
        self._state = "opened"
        return text[found.start() :]

    def _opened(self, text: str, out: list[Piece]) -> str:
        """Take markup up to a value."""
        inner = text.lstrip()
        self._markup.append(text[: len(text) - len(inner)])
        if inner.startswith(("{", "[")):
            self._state = "inside"
            return inner
        if inner.startswith(OPEN):
            self._markup.append(OPEN)
            return inner[len(OPEN) :]
        if inner.startswith(_FENCE):
            return self._fence(inner, out)
        if OPEN.startswith(inner) or _FENCE.startswith(inner):
            self._rest = inner
            return ""
        self._give_up(out)
        return inner

    def _fence(self, text: str, out: list[Piece]) -> str:
        """Take a fence: one that closes code, or one that opens some, with its language."""
        if self._in_code:
            self._markup.append(_FENCE)
            self._give_up(out)
            return text[len(_FENCE) :]
        language = _LANGUAGE.match(text, len(_FENCE))
        assert language is not None, "no language is one, too"
        if language.end() == len(text):
            self._rest = text  # there may be more of it
            return ""
        self._markup.append(text[: language.end()])
        return text[language.end() :]

    def _inside(self, text: str, out: list[Piece]) -> str:
        value = self._value
        end = value.feed(text)
        if value.may_be_call and value.state == "open":
            return ""
        found = value.calls(self._names)
        if found:
            self._take(found if self._parallel else found[:1], out)
        else:
            # Text it is; what is in it is no call either, so it is read to its end as it is.
            self._say("".join(self._markup) + value.taken_text(), out)
            self._count_fences()
            if value.state != "open":
                self._value, self._state = CallValue(), "outside"
        return text[end:]

    def _take(self, calls: list[TextCall], out: list[Piece]) -> None:
        markup = "".join(self._markup)
        self._n_open[_FENCE] += markup.count(_FENCE)
        self._n_open[CLOSE] += markup.count(OPEN)
        self._markup.clear()
        self.n_calls += len(calls)
        out.extend(calls)
        self._blanks, self._is_behind_call = "", True
        self._value, self._state = CallValue(), "after"

    def _after(self, text: str) -> str:
        """Drop what closes the markup of a call."""
        still_open = [mark for mark, n in self._n_open.items() if n]
        text = text.lstrip(_LITTER if still_open else None)
        for mark in still_open:
            if text.startswith(mark):
                self._n_open[mark] -= 1
                return text[len(mark) :]
        if text and any(mark.startswith(text) for mark in still_open):
            self._rest = text
            return ""
        if text:
            self._state = "outside"
        return text

    def _give_up(self, out: list[Piece]) -> None:
        """What looked like a call is none: text it is."""
        self._say("".join(self._markup) + self._value.taken_text(), out)
        self._count_fences()
        self._value, self._state = CallValue(), "outside"

    def _count_fences(self) -> None:
        """Note whether code has begun, or ended, with the fences that are text."""
        if "".join(self._markup).count(_FENCE) % 2:
            self._in_code = not self._in_code
        self._markup.clear()

    def _say(self, text: str, out: list[Piece]) -> None:
        text = self._blanks + text
        if self._is_behind_call:
            text = text.lstrip()
        stripped = text.rstrip()
        self._blanks = text[len(stripped) :]
        if not stripped:
            return
        if self._is_behind_call and self._has_text:
            stripped = "\n" + stripped
        self._is_behind_call, self._has_text = False, True
        out.append(stripped)


def _begun(text: str, *marks: str) -> int:
    """Length of the longest end of `text` that begins one of `marks`."""
    for length in range(min(max(map(len, marks)) - 1, len(text)), 0, -1):
        if any(mark.startswith(text[-length:]) for mark in marks):
            return length
    return 0
