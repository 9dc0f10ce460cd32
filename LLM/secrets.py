"""Keys that do not print, and text with the keys taken out."""

from __future__ import annotations

import json
import re
from typing import Any, Self
from urllib.parse import quote

MASK = "**********"

#: What must not be shown: one text or several.
Secrets = str | tuple[str, ...] | None

#: A shorter key is likely a placeholder such as "x", and cutting it out would garble any text.
MIN_SCRUBBED_CHARS = 4

#: Names of headers that hold a secret.
SECRET_NAME = re.compile(r"auth|cookie|key|password|secret|token", re.IGNORECASE)


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


def scrub_text(text: str, secrets: Secrets) -> str:
    """:return: `text` with a mask for each secret, also where it was escaped.

    JSON, `repr` and addresses each do that in their own way.
    """
    for secret in (secrets,) if isinstance(secrets, str) else secrets or ():
        if len(secret) < MIN_SCRUBBED_CHARS:
            continue
        plain = "".join(secret)
        quoted = json.dumps(plain)[1:-1]
        escaped = plain.replace("\\", "\\\\")
        in_address = quote(plain, safe=""), quote(plain)
        for form in {plain, escaped, quoted, quoted.replace("/", "\\/"), *in_address}:
            text = text.replace(form, MASK)
    return text


def scrub(value: Any, secrets: Secrets) -> Any:
    """:return: a copy of the JSON `value` with the secrets masked in all strings, keys too."""
    if isinstance(value, str):
        return scrub_text(value, secrets)
    if isinstance(value, dict):
        return {scrub(key, secrets): scrub(item, secrets) for key, item in value.items()}
    if isinstance(value, list):
        return [scrub(item, secrets) for item in value]
    return value
