"""A JSON value in a model's text that may be a tool call, read as it comes."""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass
from typing import Any, Literal

from pydantic_core import from_json, to_json

from LLM.json_size import MAX_WRITTEN_VALUES, has_too_many_values

#: How far into a value its first key must have come; deeper indentation is none of a call's.
_MAX_HEAD_CHARS = 200
_HEAD = re.compile(r'(?:\[\s*)?\{\s*"([^"\\]{0,20})"')
_HALF_HEAD = re.compile(r'(?:\[\s*)?(?:\{\s*(?:"[^"\\]{0,20})?)?')
#: The keys with which a call, or what is around one, may begin.
_KEYS = frozenset("name arguments parameters function tool_calls type id".split())
_CALL_KEYS = frozenset("name arguments parameters type id".split())
#: What ends a string, and what stands in none.
_IN_STRING = re.compile(r'["\\\n]')
#: Brackets, the beginning of a string, and what stands in no JSON.
_OUTSIDE_STRING = re.compile(r'["{}\[\]]|[^\s\w+\-.:,]')


@dataclass(frozen=True, slots=True)
class TextCall:
    """A call found in a text; `arguments` is the JSON text of an object."""

    name: str
    arguments: str


class CallValue:
    """A JSON value that may be a call, as it comes.

    :ivar state: ``open`` while it goes on, ``whole``, or ``broken`` by what stands in no JSON.
    :ivar may_be_call: whether it has begun as calls do, or has hardly begun.
    """

    def __init__(self) -> None:
        self.state: Literal["open", "whole", "broken"] = "open"
        self.may_be_call = True
        self._pieces: list[str] = []
        self._head: str | None = ""  # None once the first key has come
        self._depth = 0
        self._in_string = False
        self._escaped = False

    def taken_text(self) -> str:
        """What has come of it since it was last asked for."""
        text = "".join(self._pieces)
        self._pieces.clear()
        return text

    def feed(self, text: str) -> int:
        """Take the next text. :return: how much of it belongs to the value."""
        end = self._end(text)
        self._pieces.append(text[:end])
        if self._head is not None:
            self._check_head(text[:end])
        return end

    def calls(self, names: Collection[str]) -> list[TextCall]:
        """The calls that it spells; none where it is none, or names other tools."""
        if self.state != "whole" or not self.may_be_call:
            return []
        text = "".join(self._pieces)
        if has_too_many_values(text, MAX_WRITTEN_VALUES):
            return []
        try:
            return _calls_in(from_json(text, allow_inf_nan=False), names)
        except ValueError:  # no JSON, or nested too deep
            return []

    def _end(self, text: str) -> int:
        """How much of `text` belongs to the value, by its brackets outside of strings."""
        at = int(self._escaped)
        self._escaped = False
        while found := (_IN_STRING if self._in_string else _OUTSIDE_STRING).search(text, at):
            at, mark = found.end(), found[0]
            if mark == "\\" and self._in_string:
                self._escaped = at == len(text)
                at += 1
            elif mark == '"':
                self._in_string = not self._in_string
            elif mark in "{[" and not self._in_string:
                self._depth += 1
            elif mark in "}]" and not self._in_string:
                self._depth -= 1
                if not self._depth:
                    self.state = "whole"
                    return at
            else:
                self.state = "broken"
                return found.start()
        return len(text)

    def _check_head(self, text: str) -> None:
        """See whether it begins as a call does, so that other JSON need not wait for its end."""
        self._head = f"{self._head}{text}"[: _MAX_HEAD_CHARS + 1]
        if found := _HEAD.match(self._head):
            self._head, self.may_be_call = None, found[1] in _KEYS
        elif len(self._head) > _MAX_HEAD_CHARS or not _HALF_HEAD.fullmatch(self._head):
            self._head, self.may_be_call = None, False


def _calls_in(value: Any, names: Collection[str]) -> list[TextCall]:
    """The calls that a value spells, alone, in a list, or as OpenAI's `tool_calls`."""
    if isinstance(value, dict) and list(value) == ["tool_calls"]:
        value = value["tool_calls"]
    found = [_call(one, names) for one in (value if isinstance(value, list) else [value])]
    calls = [call for call in found if call is not None]
    return calls if len(calls) == len(found) else []


def _call(value: Any, names: Collection[str]) -> TextCall | None:
    if not isinstance(value, dict):
        return None
    function = value.get("function")
    if isinstance(function, dict) and value.keys() <= {"function", "id", "type"}:
        value = function
    name = value.get("name")
    arguments = value.get("arguments", value.get("parameters"))
    if not isinstance(name, str) or name not in names or not value.keys() <= _CALL_KEYS:
        return None
    if isinstance(arguments, str):
        return TextCall(name, arguments) if _is_object(arguments) else None
    if arguments is None:
        arguments = {}
    return TextCall(name, to_json(arguments).decode()) if isinstance(arguments, dict) else None


def _is_object(text: str) -> bool:
    try:
        return isinstance(from_json(text, allow_inf_nan=False), dict)
    except ValueError:
        return False
