"""A whole answer, and how much of one is read: for blocking and async transports alike."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

#: Largest answer that is read, in decoded bytes.
MAX_ANSWER_BYTES = 32 * 1024 * 1024
#: Most decoded bytes that a stream may bring: some 900,000 chunks, beyond any model's output.
MAX_STREAM_BYTES = 256 * 1024 * 1024
#: Largest error body that is read; the rest is left unread.
MAX_ERROR_BYTES = 1024 * 1024

#: How long to wait for the end of a body whose content is complete, to keep the connection.
DRAIN_S = 0.1
#: In how many pieces that end may come.
DRAIN_READS = 4


@dataclass(frozen=True, slots=True)
class Answer:
    """A whole answer: its status, headers (looked up case-insensitively) and decoded body."""

    status: int
    headers: Mapping[str, str]
    body: bytes
