"""What a transcript shows of a body: its JSON, with keys masked and whatever is long cut."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from itertools import islice
from typing import Any

from LLM.redaction import is_secret_name, redacted
from LLM.secrets import MASK
from LLM.upload import StreamedBody

#: Characters of a text that are shown.
MAX_CHARS = 2_000
#: Items of a list, or fields of an object.
MAX_ITEMS = 200
#: Numbers of a list of numbers: embeddings and token ids say little.
MAX_NUMBERS = 8
#: How deep lists and objects may be nested.
MAX_DEPTH = 32
#: A larger body is not read as JSON.
MAX_JSON_BYTES = 32 * 1024 * 1024

# How far beyond the cut keys are looked for, so that none is cut in half and shown.
_MARGIN_CHARS = 2_000
_DATA_URL = re.compile(r"data:[\w.+-]+/[\w.+-]+(?:;[\w=.+-]+)*,")
# The first letters will do: the cost of a match must not grow with an image.
_BASE64 = re.compile(r"[A-Za-z0-9+/_-]{256}")


def shown_body(body: bytes | StreamedBody | None, keys: tuple[str, ...]) -> Any:
    """A body as JSON that can be printed; None for none.

    :param keys: to be masked, beside whatever looks like a key.
    """
    if body is None or isinstance(body, StreamedBody):
        return None if body is None else repr(body)
    if not body:
        return None
    if len(body) <= MAX_JSON_BYTES:
        try:
            return shown(json.loads(body), keys)
        except (ValueError, RecursionError):
            pass  # it is another kind of text
    start = body[: 4 * (MAX_CHARS + _MARGIN_CHARS)]
    try:
        text = start.decode("utf-8")
    except UnicodeDecodeError as err:
        # A text may be cut within its last letter; anything before that is no text.
        if err.start < len(start) - 3:
            return f"<{len(body):,} bytes that are no text>"
        text = start[: err.start].decode("utf-8")
    return _cut(redacted(text, keys), len(body), "bytes")


def shown(value: Any, keys: tuple[str, ...], depth: int = MAX_DEPTH) -> Any:
    """A copy of a JSON value that can be printed."""
    if isinstance(value, str):
        return shown_text(value, keys)
    if isinstance(value, Mapping):
        return _fields(value, keys, depth)
    if isinstance(value, (list, tuple)):
        return _items(value, keys, depth)
    if isinstance(value, float):
        # JSON has no word for the others.
        return value if math.isfinite(value) else str(value)
    if value is None or isinstance(value, (bool, int)):
        return value
    return shown_text(str(value), keys)


def shown_text(text: str, keys: tuple[str, ...]) -> str:
    """A text without keys, cut where it is long, with its length."""
    start = redacted(text[: MAX_CHARS + _MARGIN_CHARS], keys)
    if found := _DATA_URL.match(start):
        return f"{found[0]}… ({len(text):,} characters)"
    if _BASE64.match(start) and not start[: 2 * MAX_CHARS].isalpha():
        return f"{start[:24]}… ({len(text):,} characters)"
    return _cut(start, len(text), "characters")


def shown_headers(headers: Mapping[str, str], keys: tuple[str, ...]) -> dict[str, str]:
    """Headers with masks for those that hold keys."""
    return {
        # `str` of a `Secret` is its mask.
        name: MASK if is_secret_name(name) else shown_text(str(value), keys)
        for name, value in headers.items()
    }


def _cut(start: str, length: int, unit: str) -> str:
    if length <= MAX_CHARS and len(start) <= 2 * MAX_CHARS:
        # Masks may be longer than what they stand for.
        return start
    return f"{start[:MAX_CHARS]}… ({length:,} {unit})"


def _fields(value: Mapping[Any, Any], keys: tuple[str, ...], depth: int) -> Any:
    if not depth:
        return "{…}"
    fields = {
        shown_text(str(name), keys): shown(item, keys, depth - 1)
        for name, item in islice(value.items(), MAX_ITEMS)
    }
    if len(value) > MAX_ITEMS:
        fields["…"] = f"{len(value):,} fields"
    return fields


def _items(value: Sequence[Any], keys: tuple[str, ...], depth: int) -> Any:
    if not depth:
        return "[…]"
    numbers = all(isinstance(one, (int, float)) for one in value[: MAX_NUMBERS + 1])
    n_shown = MAX_NUMBERS if numbers else MAX_ITEMS
    items = [shown(one, keys, depth - 1) for one in value[:n_shown]]
    if len(value) > n_shown:
        items.append(f"… ({len(value):,} {'numbers' if numbers else 'items'})")
    return items
