"""Bounds of numbers, so that each number ends, and means to every reader what was written.

JSON's numbers are unbounded; its readers are not. Whole numbers stay within ±(2**53 - 1), which
every reader keeps exactly (RFC 7493), and fractions have few digits: a number of 5,000 digits is
valid JSON that Python refuses, and 1e999 is infinity. Exclusive bounds become inclusive ones, a
step inside: 1.00000000000000000001 is more than 1 as text and equal to it once read.
"""

from __future__ import annotations

import math
from decimal import ROUND_CEILING, ROUND_FLOOR, Context, Decimal
from typing import Any

SAFE_INTEGER = (1 << 53) - 1
_PLACES = 9
_MAX_PLACES = 15
_MAX_DIGITS = 15  # what a double keeps exactly
#: The automaton of a remainder has as many states: 2 ms for 1,000, 2 s for 1,000,000.
MAX_MULTIPLE = 10_000
BOUNDS = ("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "multipleOf")


def check_number(value: int | float) -> None:
    """Refuse a number that readers would not read as it is written.

    :raises ValueError: it is too large, too small or too long.
    """
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"{value!r} is no JSON number")
    if abs(value) > SAFE_INTEGER:
        shown = repr(value) if abs(value) < 1e40 else "a number"
        raise ValueError(f"{shown} is beyond ±(2**53 - 1), within which numbers are exact")
    digits = Decimal(repr(value)).normalize().as_tuple()
    assert isinstance(digits.exponent, int)
    n_places = -digits.exponent
    if n_places > 0 and (len(digits.digits) > _MAX_DIGITS or n_places > _MAX_PLACES):
        raise ValueError(f"{value!r} has more than {_MAX_DIGITS} digits")


def bound(schema: dict[str, Any], *, cut: bool = True) -> None:
    """Give the numbers that a schema allows an end in each direction; changes the schema.

    :param schema: its bounds were checked with `check_number`.
    :param cut: end fractions too, by a `multipleOf`, which must not meet another one in a branch.
    :raises ValueError: no number fits, or `multipleOf` is too hard.
    """
    given = {name: Decimal(repr(schema.pop(name))) for name in BOUNDS if name in schema}
    kinds = schema.get("type", "number")
    kinds = {kinds} if isinstance(kinds, str) else set(kinds)
    whole = "number" not in kinds
    multiple = given.get("multipleOf")
    if multiple is not None:
        schema["multipleOf"] = _multiple(multiple)
    places = max(_PLACES, *(_places(value) for value in given.values())) if given else _PLACES
    low = _edge(given, "minimum", "exclusiveMinimum", places, whole, 1)
    high = _edge(given, "maximum", "exclusiveMaximum", places, whole, -1)
    if low > high:
        raise ValueError(f"no number lies between its bounds ({low:f} and {high:f})")
    schema |= {"minimum": _plain(low), "maximum": _plain(high)}
    if cut and not whole and multiple is None:
        schema["multipleOf"] = float(Decimal(1).scaleb(-places))


def _places(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def _edge(
    given: dict[str, Decimal], closed: str, opened: str, places: int, whole: bool, inward: int
) -> Decimal:
    """The tightest inclusive bound on one side.

    :param inward: 1 for a lower bound, -1 for an upper one.
    """
    edges = [Decimal(-SAFE_INTEGER * inward)]
    if closed in given:
        edges.append(given[closed])
    if opened in given:
        edges.append(given[opened] + inward * _step(given[opened], places))
    edge = max(edges) if inward > 0 else min(edges)
    rounding = ROUND_CEILING if inward > 0 else ROUND_FLOOR
    if whole:
        return edge.to_integral_value(rounding)
    if edge == edge.to_integral_value():
        return edge
    return Context(prec=_MAX_DIGITS, rounding=rounding).plus(edge)


def _step(value: Decimal, places: int) -> Decimal:
    """The smallest step from `value` that a double keeps."""
    least = Decimal(1).scaleb(-places)
    return max(least, Decimal(1).scaleb(value.adjusted() + 1 - _MAX_DIGITS)) if value else least


def _plain(value: Decimal) -> int | float:
    return int(value) if value == value.to_integral_value() else float(value)


def coefficient(multiple: int | float) -> int:
    """A `multipleOf` without its point: what the automaton counts up to."""
    value = Decimal(repr(multiple))
    return int(value.scaleb(_places(value)))


def _multiple(value: Decimal) -> int | float:
    multiple = _plain(value)
    if not 0 < coefficient(multiple) <= MAX_MULTIPLE:
        raise ValueError(
            f"multipleOf is {value:f}; it must be more than 0, and without its point at most "
            f"{MAX_MULTIPLE:,}"
        )
    return multiple
