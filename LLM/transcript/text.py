"""A record of a transcript as text: a line that says what happened, and below it the rest."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from LLM.printable import printable

_INDENT = "    "
_RESET = "\x1b[0m"
_COLOURS = {"request": "\x1b[36m", "note": "\x1b[33m", "error": "\x1b[31m"}
_GREEN, _RED, _DIM = "\x1b[32m", "\x1b[31m", "\x1b[2m"


def as_text(record: dict[str, Any], *, coloured: bool) -> str:
    """The block of a record, its last line ended.

    Whatever could steer a terminal, or pass for a line of ours, is escaped.
    """
    head = printable(f"{record['time'][11:]} {_head(record)}")
    body = "".join(f"{_INDENT}{printable(line)}\n" for line in _below(record))
    if not coloured:
        return f"{head}\n{body}"
    return f"{_colour(record)}{head}{_RESET}\n{_DIM}{body}{_RESET}"


def _head(record: dict[str, Any]) -> str:
    number = "" if record["number"] is None else f"#{record['number']} "
    match record["event"]:
        case "request":
            return f"{number}> {record['method']} {record['url']} ({record['who']})"
        case "answer":
            size = f", {record['size_bytes']:,} bytes" if "size_bytes" in record else ""
            return f"{number}< {record['status']} after {record['seconds']:.3f} s{size}"
        case "stream":
            return (
                f"{number}< {record['status']} streamed, {record['outcome']}: began after "
                f"{record['began_s']:.3f} s, {_pieces(record)}"
            )
        case "error":
            error = f"{record['error']} after {record['seconds']:.3f} s"
            return f"{number}! {error}: {record['message']}" if record["message"] else (
                f"{number}! {error}"
            )  # fmt: skip
        case _:
            return f"{number}~ {record['message']}"


def _pieces(record: dict[str, Any]) -> str:
    if not record["pieces"]:
        return f"no piece in {record['seconds']:.3f} s"
    return (
        f"first piece {record['first_s']:.3f} s, last {record['last_s']:.3f} s, "
        f"{record['pieces']:,} pieces, {record['size_bytes']:,} bytes"
    )


def _below(record: dict[str, Any]) -> Iterator[str]:
    for name, value in (record.get("headers") or {}).items():
        yield f"{name}: {value}"
    body = record.get("body")
    if body is not None:
        text = body if isinstance(body, str) else json.dumps(body, indent=2, ensure_ascii=False)
        yield from text.split("\n")


def _colour(record: dict[str, Any]) -> str:
    if record["event"] in ("answer", "stream"):
        return _GREEN if 200 <= record["status"] < 300 else _RED
    return _COLOURS[record["event"]]
