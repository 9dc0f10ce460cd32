"""Streams of lines, as Ollama's API sends them."""

from __future__ import annotations

import json
from typing import Any

from tests.local.http import Answer


def lines_of(answer: Answer) -> list[dict[str, Any]]:
    """The objects of a chunked answer."""
    body, rest = b"", answer.body
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        n_bytes = int(size, 16)
        body, rest = body + rest[:n_bytes], rest[n_bytes + 2 :]
    return [json.loads(line) for line in body.splitlines()]
