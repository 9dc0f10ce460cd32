"""Answers as columns of a table."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from pydantic_core import to_json

from LLM.batch.lines import Record

#: The columns that stand behind those of the input, and whether they hold texts or counts.
#: `answer` is the first choice's text, or JSON of the embedding; `error` is why there is none;
#: `response` is the line that an output in OpenAI's format has for the request.
ANSWER_COLUMNS: tuple[tuple[str, str], ...] = (
    ("answer", "text"),
    ("finish_reason", "text"),
    ("prompt_tokens", "count"),
    ("completion_tokens", "count"),
    ("error", "text"),
    ("response", "text"),
)

#: The column of the lines, of which a table can be made again.
LINE_COLUMN = "response"


def answer_values(record: Record, line: bytes) -> dict[str, Any]:
    """The values of a row's answer columns, and its `custom_id`; None where there is nothing.

    :param record: what `line` says.
    """
    values: dict[str, Any] = dict.fromkeys(name for name, _ in ANSWER_COLUMNS)
    values["custom_id"] = record.custom_id
    values[LINE_COLUMN] = line.decode().rstrip("\n")
    if record.error is not None:
        values["error"] = str(record.error.get("message") or "failed")
    elif record.response is not None and isinstance(record.response.get("body"), Mapping):
        values |= _read(record.response["body"])
    return values


def _read(body: Mapping[str, Any]) -> dict[str, Any]:
    usage = body.get("usage")
    usage = usage if isinstance(usage, Mapping) else {}
    answer, reason = _answer(body)
    return {
        "answer": answer,
        "finish_reason": reason,
        "prompt_tokens": _count(usage, "prompt_tokens", "input_tokens"),
        "completion_tokens": _count(usage, "completion_tokens", "output_tokens"),
    }


def _answer(body: Mapping[str, Any]) -> tuple[str | None, str | None]:
    if choices := _mappings(body.get("choices")):
        first = choices[0]
        message = first.get("message")
        text = message.get("content") if isinstance(message, Mapping) else first.get("text")
        return _text(text), _text(first.get("finish_reason"))
    if found := [one.get("embedding") for one in _mappings(body.get("data"))]:
        # The vector itself where one text was asked.
        return to_json(found[0] if len(found) == 1 else found).decode(), None
    if items := _mappings(body.get("output")):  # /v1/responses
        parts = [part for item in items for part in _mappings(item.get("content"))]
        texts = [part["text"] for part in parts if isinstance(part.get("text"), str)]
        return "".join(texts) or None, _text(body.get("status"))
    return None, None


def _mappings(value: Any) -> list[Mapping[str, Any]]:
    found: Iterable[Any] = value if isinstance(value, list) else ()
    return [one for one in found if isinstance(one, Mapping)]


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _count(usage: Mapping[str, Any], *names: str) -> int | None:
    return next((usage[name] for name in names if type(usage.get(name)) is int), None)
