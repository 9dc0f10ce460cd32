"""A client's own notes on what is kept for it.

Source: OpenAI's API reference, `metadata`.
"""

from __future__ import annotations

from typing import Any

from local_llm_kit.fields import invalid

MAX_METADATA = 16
MAX_METADATA_KEY_CHARS = 64
MAX_METADATA_CHARS = 512


def checked_metadata(value: Any) -> dict[str, str]:
    """The notes; None is none.

    :raises InvalidRequestError: they are no texts by short names, or too many.
    """
    if value is None:
        return {}
    if not isinstance(value, dict) or len(value) > MAX_METADATA:
        raise invalid("metadata", f"metadata must be an object of at most {MAX_METADATA} texts")
    for key, text in value.items():
        if len(key) > MAX_METADATA_KEY_CHARS or not isinstance(text, str):
            raise invalid("metadata", f"metadata must map keys of at most {MAX_METADATA_KEY_CHARS} "
                          "characters to texts")  # fmt: skip
        if len(text) > MAX_METADATA_CHARS:
            raise invalid(
                "metadata", f"metadata has a text of more than {MAX_METADATA_CHARS} characters"
            )
    return value
