"""Formats of strings: which are held, and how.

A format that is not held exactly would be a promise broken now and then: 1900-02-29 looks like a
date. Dates and times are held by patterns of ours, which every reader accepts; the others by what
constrained decoding knows.
"""

from __future__ import annotations

from typing import Any

from local_llm_kit.schemas.numbers import SAFE_INTEGER

_YEAR = "(?:[0-9]{3}[1-9]|[0-9]{2}[1-9]0|[0-9][1-9]00|[1-9]000)"
_LEAP = "(?:0[48]|[2468][048]|[13579][26])"
_DATE = (
    f"(?:{_YEAR}-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])"
    "|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    f"|(?:[0-9]{{2}}{_LEAP}|{_LEAP}00)-02-29)"
)
_HOUR = "(?:[01][0-9]|2[0-3])"
_TIME = f"{_HOUR}:[0-5][0-9]:[0-5][0-9](?:\\.[0-9]{{1,6}})?(?:Z|[+-]{_HOUR}:[0-5][0-9])"
_HEX = "[0-9a-f]"


def _uuid(version: int) -> str:
    return f"{_HEX}{{8}}-{_HEX}{{4}}-{version}{_HEX}{{3}}-[89ab]{_HEX}{{3}}-{_HEX}{{12}}"


_N = "[0-9]{1,4}"
_CLOCK = f"T(?:{_N}H(?:{_N}M(?:{_N}S)?)?|{_N}M(?:{_N}S)?|{_N}S)"
_DAYS = f"(?:{_N}Y(?:{_N}M(?:{_N}D)?)?|{_N}M(?:{_N}D)?|{_N}D)"


def _base64(letters: str) -> str:
    one = f"[A-Za-z0-9{letters}]"
    return f"(?:{one}{{4}})*(?:{one}{{2}}==|{one}{{3}}=)?"


#: Formats as patterns for the automaton.
_PATTERNS = {
    "date": _DATE,
    "time": _TIME,
    "date-time": f"{_DATE}T{_TIME}",
    "duration": f"P(?:{_N}W|{_DAYS}(?:{_CLOCK})?|{_CLOCK})",
    **dict.fromkeys(("byte", "base64"), _base64("+/")),
    "base64url": _base64("_-"),
    **{f"uuid{version}": _uuid(version) for version in (1, 3, 4, 5, 6, 7, 8)},
}
_KNOWN = frozenset(("email", "hostname", "ipv4", "ipv6", "uuid", "uri"))
#: Formats that say how a value is shown or stored, and nothing about which values there are.
_FREE = frozenset(("float", "double", "password", "path", "binary"))
_RANGES = {
    "int32": (-(1 << 31), (1 << 31) - 1),
    "int64": (-SAFE_INTEGER, SAFE_INTEGER),  # cut to what every reader keeps exactly
}


def hold_format(schema: dict[str, Any], name: Any) -> None:
    """Put what a format asks for into the schema.

    :raises ValueError: the format is not held.
    """
    if not isinstance(name, str):
        raise ValueError("format must be a text")
    if name in _PATTERNS:
        pattern = {"pattern": f"^(?:{_PATTERNS[name]})$"}
        schema.setdefault("allOf", []).append(pattern)
    elif name in _RANGES:
        low, high = _RANGES[name]
        schema["minimum"] = max(schema.get("minimum", low), low)
        schema["maximum"] = min(schema.get("maximum", high), high)
    elif name in _KNOWN:
        schema["format"] = name
    elif name not in _FREE:
        held = ", ".join(sorted({*_PATTERNS, *_KNOWN, *_RANGES, *_FREE}))
        raise ValueError(f"the format {name[:40]!r} is not held; held: {held}; or give a pattern")
