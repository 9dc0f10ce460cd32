"""Keys that do not print, and text with the keys taken out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Self

from LLM.spellings import spellings

MASK = "**********"

#: What must not be shown: one text or several.
Secrets = str | tuple[str, ...] | None

#: A shorter key is likely a placeholder such as "x", and cutting it out would garble any text.
MIN_SCRUBBED_CHARS = 4

#: Names of headers that hold a secret.
SECRET_NAME = re.compile(r"auth|cookie|key|password|secret|token", re.IGNORECASE)

#: Fields of a query that hold a credential, whatever it is; the name is group 1.
_QUERY_FIELD = re.compile(
    r"(?i)([?&](?:(?:api[-_]?|access[-_]?)?key|(?:access[-_]?|security[-_]?)?token|auth"
    r"|authorization|code|password|(?:client[-_]?)?secret|sig|signature"
    r"|x-[\w-]+-(?:credential|security-token|signature))=)[^&#\s\"'<>*]+"
)


class Secret(str):
    """A string that works as itself but prints as asterisks.

    It compares, concatenates and encodes like the text it holds; `repr`, `str`, `format` and
    logging show a mask. `get_secret_value` gives the plain text.
    """

    __slots__ = ()

    def __new__(cls, text: str) -> Self:
        """:param text: what is to be hidden; of a `Secret`, the text that it holds."""
        # str() of a Secret is its mask, which would go out in place of the key.
        return super().__new__(cls, "".join(text))

    def __repr__(self) -> str:
        return f"'{MASK}'"

    def __str__(self) -> str:
        return MASK

    def __format__(self, spec: str) -> str:
        return format(MASK, spec)

    def get_secret_value(self) -> str:
        """:return: the text itself, as a plain `str`."""
        return "".join(self)


def keys_of(headers: Mapping[str, str]) -> tuple[Secret, ...]:
    """The keys in a client's headers, known by the headers' names."""
    found: dict[Secret, None] = {}
    for name, value in headers.items():
        if SECRET_NAME.search(name):
            # "Bearer KEY": the key is one by itself.
            is_credential = name.lower().endswith("authorization")
            found[Secret(value.rpartition(" ")[2] if is_credential else value)] = None
    return tuple(found)


def scrub_text(text: str, secrets: Secrets) -> str:
    """:return: `text` with a mask for each secret, in whatever way it is spelled."""
    for secret in (secrets,) if isinstance(secrets, str) else secrets or ():
        if len(secret) < MIN_SCRUBBED_CHARS:
            continue
        for form in spellings(secret):
            text = text.replace(form, MASK)
    return text


def scrub_query(address: str) -> str:
    """:return: an address, or a text that holds some, without the keys in queries."""
    return _QUERY_FIELD.sub(rf"\1{MASK}", address)


def scrub(value: Any, secrets: Secrets) -> Any:
    """:return: a copy of the JSON `value` with the secrets masked in all strings, keys too."""
    if isinstance(value, str):
        return scrub_text(value, secrets)
    if isinstance(value, dict):
        return {scrub(key, secrets): scrub(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub(item, secrets) for item in value]
    return value
