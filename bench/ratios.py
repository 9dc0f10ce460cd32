"""Ratios of contenders, taken round by round, beside their targets."""

from __future__ import annotations

import statistics


def by_round(mine: list[float], theirs: list[float]) -> list[float]:
    """The ratio in each round."""
    return [a / b for a, b in zip(mine, theirs, strict=True)]


def verdict(text: str, values: list[float], target: float, *, at_most: bool) -> bool:
    """Print the median of `values` beside its target. :return: whether the target is met."""
    value = statistics.median(values)
    good = value <= target if at_most else value >= target
    spread = f"({min(values):.2f} to {max(values):.2f})"
    bound = "at most" if at_most else "at least"
    print(f"  {text:<50}{value:8.2f} {spread:<18}{bound} {target:g}: {'met' if good else 'MISSED'}")
    return good
