"""What must not stand in a cassette is taken out of it: keys in every spelling, and addresses' own.

A key may come back in an answer, be part of a prompt, or of an address; plain, in base64, quoted
for an address, or escaped by JSON once for each text that holds it inside another.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote, quote_plus, urlsplit, urlunsplit

from LLM.secrets import MASK, MIN_SCRUBBED_CHARS, SECRET_NAME

#: Fields of a query that hold a credential, whatever it is.
_SECRET_FIELDS = re.compile(
    r"(?i)((?:api[-_]?|access[-_]?)?key|(?:access[-_]?|security[-_]?)?token|auth|authorization|code"
    r"|password|secret|client_secret|sig|signature|x-amz-(?:credential|security-token|signature))="
)
#: Texts of JSON inside texts of JSON: a tool's arguments in an event in a line of the file.
_DEPTH = 3
_MIN_BASE64_CHARS = 6
_MIN_WORD_CHARS = 8


def secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The keys in a request's headers, known by the headers' names."""
    found: dict[str, None] = {}
    for name, value in headers.items():
        if SECRET_NAME.search(name):
            plain = "".join(value)  # the text of a Secret, which str() masks
            found[plain] = None
            found[plain.rpartition(" ")[2]] = None  # after the scheme, such as Bearer
    return tuple(filter(_is_key, found))


def _is_key(text: str) -> bool:
    """Whether a text may be a key. A short word is a placeholder, and may stand in any prompt."""
    is_word = text.isalpha() and len(text) < _MIN_WORD_CHARS
    return len(text) >= MIN_SCRUBBED_CHARS and not is_word


class Scrubber:
    """Takes keys out of text.

    :param secrets: the keys.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in _forms(secret)}
        # A form may be part of another one, whose rest would stay.
        self._forms = sorted(forms, key=len, reverse=True)

    def __repr__(self) -> str:
        return f"<Scrubber of {len(self._forms)} forms>"

    def text(self, text: str) -> str:
        """:return: `text` with a mask for each key."""
        for form in self._forms:
            if form in text:
                text = text.replace(form, MASK)
        return text

    def value(self, value: Any) -> Any:
        """:return: the JSON `value` with a mask for each key."""
        text = json.dumps(value)
        clean = self.text(text)
        return value if clean == text else json.loads(clean)

    def url(self, url: str) -> str:
        """:return: an address without user, password and the values of fields that hold a key."""
        if "?" not in url and "@" not in url:
            return self.text(url)
        parts = urlsplit(url)
        fields = [_masked(field) for field in parts.query.split("&")] if parts.query else []
        netloc = parts.netloc.rpartition("@")[2]
        clean = parts._replace(netloc=netloc, query="&".join(fields))
        return self.text(urlunsplit(clean))

    def pieces(self, pieces: list[tuple[float, bytes]]) -> list[tuple[float, bytes]]:
        """Pieces of a stream with the keys masked, also one that lies across several of them.

        Those are put together, and come when the last of them did.
        """
        if not self._forms:
            return pieces
        whole = b"".join(data for _, data in pieces)
        spans = [span for form in self._forms for span in _spans(whole, form.encode())]
        if not spans:
            return pieces
        joined: list[tuple[float, bytes]] = []
        end = 0
        for at_s, data in pieces:
            start, end = end, end + len(data)
            if joined and any(first < start < last for first, last in spans):
                data = joined.pop()[1] + data
            joined.append((at_s, data))
        return [(at_s, self.data(data)) for at_s, data in joined]

    def data(self, data: bytes) -> bytes:
        """:return: `data` with a mask for each key."""
        for form in self._forms:
            data = data.replace(form.encode(), MASK.encode())
        return data


def _masked(field: str) -> str:
    name = _SECRET_FIELDS.match(field)
    return field if name is None else name[0] + MASK


#: For text that holds no keys.
NO_KEYS = Scrubber(())


def _spans(data: bytes, form: bytes) -> Iterable[tuple[int, int]]:
    start = data.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = data.find(form, start + 1)


def _forms(secret: str) -> set[str]:
    """Every way in which a key may be written."""
    quoted = {quote(secret, safe=""), quote(secret), quote_plus(secret)}
    forms = {secret, *quoted, *(_lower_hex(text) for text in quoted)}
    forms |= set(_base64_forms(secret.encode("utf-8", "surrogatepass")))
    newest = forms
    for _ in range(_DEPTH):
        newest = {text for form in newest for text in _escaped(form)} - forms
        forms = forms | newest
    return forms


def _escaped(text: str) -> Iterable[str]:
    for ensure_ascii in (True, False):
        escaped = json.dumps(text, ensure_ascii=ensure_ascii)[1:-1]
        yield escaped
        yield escaped.replace("/", "\\/")
    yield text.replace("\\", "\\\\")  # as `repr` does


def _lower_hex(text: str) -> str:
    return re.sub("%[0-9A-F]{2}", lambda found: found[0].lower(), text)


def _base64_forms(secret: bytes) -> Iterable[str]:
    """What base64 makes of a key that begins at any place of what is encoded."""
    for offset in range(3):
        data = bytes(offset) + secret
        # The first characters hold bits of what comes before, the last one of what comes after.
        start, is_even = (0, 2, 3)[offset], len(data) % 3 == 0
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            text = encode(data).decode().rstrip("=")
            form = text[start : len(text) if is_even else -1]
            if len(form) >= _MIN_BASE64_CHARS:
                yield form
