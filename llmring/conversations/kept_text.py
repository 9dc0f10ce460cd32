"""Text as databases take it.

PostgreSQL takes no NUL, and no UTF-8 has lone surrogates, which models do write. Each is kept as
U+FDD0, a code point that stands for nothing (Unicode 16, section 23.7), and its number in four
hexadecimal digits; so is U+FDD0 itself.
"""

from __future__ import annotations

import json
import re
from typing import Any

_MARK = "\ufdd0"
_UNKEPT = re.compile(f"[\\x00\\ud800-\\udfff{_MARK}]")
_KEPT = re.compile(f"{_MARK}([0-9a-f]{{4}})")


def kept(text: str) -> str:
    """`text` as databases take it."""
    return _UNKEPT.sub(lambda found: f"{_MARK}{ord(found[0]):04x}", text)


def original(text: str) -> str:
    """What `kept` was given."""
    return _KEPT.sub(lambda found: chr(int(found[1], 16)), text) if _MARK in text else text


def kept_json(value: Any) -> str:
    """What JSON can say, as databases take it."""
    return kept(json.dumps(value, ensure_ascii=False))
