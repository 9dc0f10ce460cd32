"""Every way in which a key may be written, so that it is found wherever it comes back.

A key may be plain, in base64, quoted for an address, or escaped by JSON or `repr`, once for each
text that holds it inside another.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable
from functools import lru_cache
from urllib.parse import quote, quote_plus

#: Texts of JSON inside texts of JSON: a tool's arguments in an event in a line of a file.
_DEPTH = 3
_MIN_BASE64_CHARS = 6


# Making them takes 0.1 ms, which each error and each record of a log would take anew.
@lru_cache(maxsize=128)
def spellings(key: str) -> tuple[str, ...]:
    """The forms of a key, the longest first: one may be part of another, whose rest would stay.

    :param key: at least one character; a `Secret` gives its text's.
    """
    plain = "".join(key)
    quoted = {quote(plain, safe=""), quote(plain), quote_plus(plain)}
    forms = {plain, *quoted, *map(_lower_hex, quoted)}
    forms |= set(_base64_forms(plain.encode("utf-8", "surrogatepass")))
    newest = forms
    for _ in range(_DEPTH):
        newest = {text for form in newest for text in _escaped(form)} - forms
        forms = forms | newest
    return tuple(sorted(forms, key=lambda form: (-len(form), form)))


def _escaped(text: str) -> Iterable[str]:
    for ensure_ascii in (True, False):
        escaped = json.dumps(text, ensure_ascii=ensure_ascii)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
    yield text.replace("\\", "\\\\")  # as `repr` does


def _lower_hex(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _base64_forms(key: bytes) -> Iterable[str]:
    """What base64 makes of a key that begins at any place of what is encoded."""
    for offset in range(3):
        data = bytes(offset) + key
        # The first characters hold bits of what comes before, the last one of what comes after.
        start, is_even = (0, 2, 3)[offset], len(data) % 3 == 0
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(data).decode().rstrip("=")
            form = text[start : len(text) if is_even else -1]
            if len(form) >= _MIN_BASE64_CHARS:
                yield form
