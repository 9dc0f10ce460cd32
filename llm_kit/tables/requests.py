"""Rows of a table as requests.

| column | what it says |
|---|---|
| `prompt` | a text: one user message, or with the url ``/v1/completions`` the prompt |
| `messages` | a conversation: a list, or JSON of one |
| `input` | a text to embed, or JSON of several |
| `body` | a whole request body: a struct, or JSON of one |
| `custom_id` | the row's name; without the column ``row-1`` and so on |
| `url` | what is called, where it is not what the columns above are for |
| `system` | a system message, before `prompt` or `messages` |
| `FIELDS` | fields of the body by their names; empty cells are not sent |

Of the first four a table has one. A column of any other name is no concern of the request.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from pydantic_core import from_json

from LLM.batch.exceptions import BatchInputError
from llm_kit.tables.chunks import Table
from llm_kit.tables.exceptions import table_error

CHAT_URL = "/v1/chat/completions"
_URLS = {"prompt": CHAT_URL, "messages": CHAT_URL, "input": "/v1/embeddings", "body": CHAT_URL}
# Where a prompt is no message.
_PROMPT_FIELDS = {"/v1/completions": "prompt", "/v1/responses": "input"}


class _ValueProblem(Exception):
    """What a cell should have held."""


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _ValueProblem("a text")
    return value


def _number(value: Any) -> float:
    if isinstance(value, str):
        try:
            value = float(value)
        except ValueError:
            raise _ValueProblem("a number") from None
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise _ValueProblem("a number")
    return value


def _integer(value: Any) -> int:
    try:
        # Without a detour over float: a seed may have 63 bits.
        return int(value) if isinstance(value, str) else _whole(_number(value))
    except ValueError:
        return _whole(_number(value))


def _whole(value: float) -> int:
    # Tables with gaps have whole numbers as 256.0.
    if value != int(value):
        raise _ValueProblem("a whole number")
    return int(value)


def _json(value: Any) -> Any:
    if not isinstance(value, str):
        return _without_nones(value)
    try:
        return from_json(value, allow_inf_nan=False)
    except ValueError:
        raise _ValueProblem("JSON") from None


def _json_list(value: Any) -> list[Any]:
    found = _json(value) if _is_json(value) else None
    if not isinstance(found, list):
        raise _ValueProblem("a list of messages, or JSON of one; a text goes into 'prompt'")
    return found


def _json_object(value: Any) -> dict[str, Any]:
    found = _json(value) if _is_json(value) else None
    if not isinstance(found, dict):
        raise _ValueProblem("a JSON object, or a struct; a text goes into 'prompt'")
    return found


def _is_json(value: Any) -> bool:
    """Whether it is a list or a struct, or a text that looks like JSON of one."""
    return not isinstance(value, str) or value.lstrip()[:1] in ("[", "{")


def _json_or_text(value: Any) -> Any:
    """JSON where it is a list or an object, else the text."""
    return _json(value) if _is_json(value) else value


def _without_nones(value: Any) -> Any:
    """A value of a struct, which has a null for each field that some other row has."""
    if isinstance(value, Mapping):
        return {key: _without_nones(item) for key, item in value.items() if item is not None}
    if isinstance(value, list):
        return [_without_nones(item) for item in value]
    return value


#: Columns that become fields of the body, and what they hold.
FIELDS: dict[str, Callable[[Any], Any]] = {
    "model": _text,
    "temperature": _number,
    "top_p": _number,
    "max_tokens": _integer,
    "max_completion_tokens": _integer,
    "seed": _integer,
    "stop": _json_or_text,
    "response_format": _json,
    "tools": _json,
    "tool_choice": _json_or_text,
    "reasoning_effort": _text,
    "dimensions": _integer,
}

#: All columns that make requests.
REQUEST_COLUMNS = ("custom_id", "url", *_URLS, "system", *FIELDS)


class TableSource:
    """The rows of a table as a job's requests; see `LLM.batch.source.Source`.

    :raises BatchInputError: the columns do not say what is asked.
    """

    unit = "row"

    def __init__(self, table: Table) -> None:
        self.path, self.name = table.path, str(table.path)
        self._table = table
        self._columns = [name for name in table.columns if name in REQUEST_COLUMNS]
        self._content = self._content_column()

    def read(self) -> Iterator[tuple[int, Mapping[str, Any]]]:
        """Each row as a request, with its number from 1.

        :raises BatchInputError: a cell holds what its column cannot; or the file cannot be read.
        """
        number = 0
        for chunk in self._table.chunks():
            for row in chunk.rows(self._columns):
                number += 1
                yield number, self._request(number, row)

    def _content_column(self) -> str:
        found = [name for name in _URLS if name in self._columns]
        if not found:
            shown = ", ".join(map(repr, self._table.columns[:20]))
            hint = "; its cells must be parted by commas" if ";" in self._table.columns[0] else ""
            raise table_error(
                self._table.path,
                f"has the columns {shown}; one must be 'prompt', 'messages', 'input' or 'body', "
                f"which says what is asked{hint}",
            )
        if len(found) > 1:
            raise table_error(
                self._table.path,
                f"has {' and '.join(map(repr, found))}, and one of them must say what is asked; "
                "give the other another name",
            )
        if "system" in self._columns and found[0] in ("input", "body"):
            raise table_error(
                self._table.path,
                f"has 'system' beside {found[0]!r}; a system message stands before 'prompt' or "
                "'messages': give the column another name",
            )
        return found[0]

    def _request(self, number: int, row: Mapping[str, Any]) -> dict[str, Any]:
        given = {name: value for name, value in row.items() if not _is_empty(value)}
        fields = {
            name: self._read(FIELDS[name], number, name, given[name])
            for name in FIELDS
            if name in given
        }
        if self._content not in given:
            raise self._error(number, f"has no {self._content!r}; fill the cell or drop the row")
        url = given.get("url", _URLS[self._content])
        name = given.get("custom_id", f"row-{number}" if "custom_id" not in row else None)
        return {
            "custom_id": str(name) if isinstance(name, int) else name,
            "method": "POST",
            "url": url,
            "body": {**fields, **self._asked(number, url, given)},
        }

    def _asked(self, number: int, url: Any, given: Mapping[str, Any]) -> dict[str, Any]:
        """The part of the body that says what is asked."""
        name, value = self._content, given[self._content]
        if name == "body":
            body: dict[str, Any] = self._read(_json_object, number, name, value)
            return body
        if name == "input":
            return {"input": self._read(_json_or_text, number, name, value)}
        if name == "messages":
            messages = self._read(_json_list, number, name, value)
        else:
            prompt = self._read(_text, number, name, value)
            if url in _PROMPT_FIELDS:
                return {_PROMPT_FIELDS[url]: prompt}
            messages = [{"role": "user", "content": prompt}]
        if "system" in given:
            system = self._read(_text, number, "system", given["system"])
            messages = [{"role": "system", "content": system}, *messages]
        return {"messages": messages}

    def _read(self, read: Callable[[Any], Any], number: int, name: str, value: Any) -> Any:
        try:
            return read(value)
        except _ValueProblem as err:
            what = str(err)
        # The cell is not quoted where it may be a prompt.
        shown = f" {value!r}" if name in FIELDS and len(str(value)) <= 40 else ""
        raise self._error(number, f"has{shown} in the column {name!r}, which takes {what}")

    def _error(self, number: int, problem: str) -> BatchInputError:
        return BatchInputError(f"{self.name}, row {number}: {problem}")


def _is_empty(value: Any) -> bool:
    return value is None or value == "" or (isinstance(value, float) and math.isnan(value))
