"""Values of single keywords: each checked by itself."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

from local_llm_kit.schemas.numbers import BOUNDS, check_number
from local_llm_kit.schemas.patterns import portable

MAX_COUNT = 1000
MAX_NAMES = 1000
TYPES = ("null", "boolean", "integer", "number", "string", "array", "object")
#: Longest text that a bound may name; lengths cost little, and a URL's is 2,083.
MAX_LENGTH = 8192
_COUNTS = {
    **dict.fromkeys(("minItems", "maxItems", "minProperties", "maxProperties"), MAX_COUNT),
    **dict.fromkeys(("minLength", "maxLength"), MAX_LENGTH),
}


def listed(keyword: str, value: Any, limit: int) -> list[Any]:
    """A list that is not empty.

    :raises ValueError: it is none, or longer than `limit`.
    """
    if not isinstance(value, list) or not 0 < len(value) <= limit:
        raise ValueError(f"{keyword} must be a list of 1 to {limit:,}")
    return value


def _type(value: Any) -> list[str]:
    kinds = [value] if isinstance(value, str) else value
    if not isinstance(kinds, list) or not kinds or not all(kind in TYPES for kind in kinds):
        raise ValueError(f"type must be one of {', '.join(TYPES)}, or a list of them")
    return kinds


def _enum(value: Any) -> list[Any]:
    return [_const(one) for one in listed("enum", value, MAX_NAMES)]


def _const(value: Any) -> Any:
    if isinstance(value, (dict, list)):
        for one in value.values() if isinstance(value, dict) else value:
            _const(one)
    elif isinstance(value, (int, float)) and not isinstance(value, bool):
        check_number(value)
    return value


def _count(keyword: str, limit: int, value: Any) -> int:
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= limit:
        raise ValueError(f"{keyword} must be a whole number from 0 to {limit:,}")
    return value


def _number(keyword: str, value: Any) -> int | float:
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise ValueError(f"{keyword} must be a number")
    check_number(value)
    return value


def _required(value: Any) -> list[str]:
    if not isinstance(value, list) or len(value) > MAX_NAMES:
        raise ValueError(f"required must be a list of at most {MAX_NAMES:,} names")
    if not all(isinstance(name, str) for name in value):
        raise ValueError("required must be a list of names")
    return list(dict.fromkeys(value))


def _pattern(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("pattern must be a text")
    return portable(value)


def _anchor(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("$anchor must be a name")
    return value


#: What gives the checked value of each keyword.
CHECKS: dict[str, Callable[[Any], Any]] = {
    "type": _type,
    "enum": _enum,
    "const": _const,
    "required": _required,
    "pattern": _pattern,
    "$anchor": _anchor,
    **{name: partial(_count, name, limit) for name, limit in _COUNTS.items()},
    **{name: partial(_number, name) for name in BOUNDS},
}
