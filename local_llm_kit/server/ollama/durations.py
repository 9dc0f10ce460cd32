"""Durations as Ollama's API writes them: Go's texts and seconds in, nanoseconds out. Pure."""

from __future__ import annotations

import re
from typing import Any

from local_llm_kit.fields import invalid

_UNITS_S = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
_PART = re.compile(r"([0-9]{1,12}(?:\.[0-9]{0,12})?)(h|ms|m|s|us|µs|ns)")
_MAX_CHARS = 64
_MAX_S = 1e12


def keep_alive_s(value: Any) -> float:
    """Seconds of a ``keep_alive``; a negative one means for ever.

    :param value: a number of seconds, or a text such as ``10m``, ``1h30m``, ``-1s``.
    :raises InvalidRequestError: it is neither.
    """
    seconds: float | None = None
    if isinstance(value, str) and len(value) <= _MAX_CHARS:
        seconds = _seconds(value)
    elif type(value) in (int, float) and abs(value) < _MAX_S:
        seconds = float(value)
    if seconds is not None:
        return seconds
    raise invalid(
        "keep_alive", "keep_alive must be a number of seconds or a duration such as '10m' or '-1s'"
    )


def _seconds(text: str) -> float | None:
    """What Go's ParseDuration makes of a text; None where it is no duration."""
    sign = -1.0 if text.startswith("-") else 1.0
    rest = text[1:] if text[:1] in ("-", "+") else text
    if rest == "0":
        return 0.0
    total, at = 0.0, 0
    while at < len(rest):
        part = _PART.match(rest, at)
        if part is None:
            return None
        total += float(part[1]) * _UNITS_S[part[2]]
        at = part.end()
    return sign * total if rest else None


def nanoseconds(seconds: float) -> int:
    """Seconds as Ollama tells them."""
    return round(seconds * 1e9)
