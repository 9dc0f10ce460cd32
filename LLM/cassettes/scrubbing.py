"""What takes keys out of a cassette: in every spelling, in addresses and across pieces."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from LLM.secrets import MASK, MIN_SCRUBBED_CHARS, keys_of, scrub_query
from LLM.spellings import spellings

_MIN_WORD_CHARS = 8
#: User and password of an address, which may be one of a server that makes them up.
_USER = re.compile(r"^([\w+.-]+://)[^/?#]*@")


def secrets_of(headers: Mapping[str, str]) -> tuple[str, ...]:
    """The keys in a request's headers that are taken out of what is recorded."""
    return tuple(filter(_is_key, keys_of(headers)))


def _is_key(text: str) -> bool:
    """Whether a text may be a key. A short word is a placeholder, and may stand in any prompt."""
    is_word = text.isalpha() and len(text) < _MIN_WORD_CHARS
    return len(text) >= MIN_SCRUBBED_CHARS and not is_word


class Scrubber:
    """Takes keys out of text.

    :param secrets: the keys.
    """

    def __init__(self, secrets: Iterable[str]) -> None:
        forms = {form for secret in secrets for form in spellings(secret)}
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
        """:return: the JSON `value` with a mask for each key, in names of fields too."""
        if isinstance(value, str):
            return self.text(value)
        if isinstance(value, dict):
            return {self.text(str(name)): self.value(item) for name, item in value.items()}
        if isinstance(value, list):
            return [self.value(item) for item in value]
        return value

    def url(self, url: str) -> str:
        """:return: an address without user, password and the values of fields that hold a key."""
        return self.text(scrub_query(_USER.sub(r"\1", url)))

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


#: For text that holds no keys.
NO_KEYS = Scrubber(())


def _spans(data: bytes, form: bytes) -> Iterable[tuple[int, int]]:
    start = data.find(form)
    while start >= 0:
        yield start, start + len(form)
        start = data.find(form, start + 1)
