"""Moments as APIs write them."""

from __future__ import annotations

from datetime import UTC, datetime


def utc_text(seconds: float) -> str:
    """A moment in UTC, by RFC 3339; with microseconds where there are any.

    :param seconds: since the epoch.
    """
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")
