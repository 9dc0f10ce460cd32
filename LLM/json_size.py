"""A bound on the values in JSON text that a server or a model wrote.

Text within its cap of bytes can still fill the memory: 32 MiB of ``{},`` were 2.2 GB when decoded.
"""

from __future__ import annotations

from LLM.exceptions import LLMResponseError

#: Most values in one answer, event or text: some 6,000 tokens with 20 likely tokens at each.
MAX_JSON_VALUES = 1_000_000

#: Most values in what a model writes as JSON: as many tokens as any model gives.
MAX_WRITTEN_VALUES = 100_000

#: Most tool calls, or other parts, in one answer.
MAX_PARTS = 20_000

#: Text that is no longer than this holds no more; each value takes two characters.
MAX_UNCOUNTED_CHARS = 2 * MAX_JSON_VALUES


def has_too_many_values(text: bytes | str, most: int = MAX_JSON_VALUES) -> bool:
    """Whether JSON text holds more than `most` values, by its punctuation.

    What stands in strings is counted, too; no text that a model writes comes near.
    """
    if len(text) <= 2 * most:
        return False
    marks = (b",", b"[", b"{") if isinstance(text, bytes) else (",", "[", "{")
    # Every value is the first of its list or object, or comes after a comma.
    return sum(map(text.count, marks)) > most  # type: ignore[arg-type]  # of one type


def too_many_values() -> LLMResponseError:
    """The error for an event of a stream that holds them."""
    return LLMResponseError(
        f"the server sent a stream event of more than {MAX_JSON_VALUES:,} JSON values; the stream "
        "was closed"
    )
