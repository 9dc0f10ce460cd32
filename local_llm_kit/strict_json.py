"""JSON objects of files that strangers wrote: nothing ambiguous passes."""

from __future__ import annotations

import json
import os
from typing import Any, NoReturn


def loads(text: bytes) -> dict[str, Any]:
    """Read one object.

    :param text: UTF-8.
    :raises ValueError: says why in a few words: not JSON, no object, a name twice in one object,
        a name that is no text, ``NaN``, nested too deeply, or a number of thousands of digits.
    """
    try:
        value = json.loads(
            text.decode(), object_pairs_hook=_unique, parse_constant=_refuse_constant
        )
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except json.JSONDecodeError as err:
        raise ValueError(f"no JSON: {err.msg} at character {err.pos:,}") from None
    except UnicodeError:
        raise ValueError("it is no UTF-8 text") from None
    if not isinstance(value, dict):
        raise ValueError("it is no JSON object")
    return value


def read(path: str | os.PathLike[str], limit_bytes: int) -> dict[str, Any]:
    """Read a file that holds one object.

    :param limit_bytes: longer files are refused unread.
    :raises ValueError: as `loads`, or the file is longer.
    :raises OSError: the file cannot be read.
    """
    with open(path, "rb") as file:
        text = file.read(limit_bytes + 1)
    if len(text) > limit_bytes:
        raise ValueError(f"it is longer than {limit_bytes:,} bytes")
    return loads(text)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise ValueError("a name comes twice in one object")
    for name in value:
        name.encode()  # a lone surrogate is no text
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON")
