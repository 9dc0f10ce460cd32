"""Pages of long lists."""

from __future__ import annotations

from llmring.conversations.types import MAX_PAGE
from llmring.exceptions import ValidationError


def check_page(limit: int, offset: int = 0, most: int = MAX_PAGE) -> None:
    """:raises ValidationError: there is no such page."""
    if not 1 <= limit <= most:
        raise ValidationError(f"limit is {limit!r}; give 1 to {most}")
    if not 0 <= offset < 2**63:
        raise ValidationError(f"offset is {offset!r}; give 0 or more")
