"""A pattern that finds any of many names, about as fast as it would find one.

Vocabularies have a thousand control tokens and more. Tried one by one at each place of a text, of
a few megabytes that a client sends, they hold Python's lock for ten seconds; what they have in
common is tried once here.
"""

from __future__ import annotations

import re
from collections.abc import Collection

#: Nested groups; names that part more often are tried one by one from there on.
_MAX_LEVELS = 32


def name_pattern(names: Collection[str]) -> re.Pattern[str] | None:
    """A pattern for any of the names, the longest that fits; None where there is none.

    :param names: empty ones are left out.
    """
    found = {name for name in names if name}
    return re.compile(_any(found, _MAX_LEVELS)) if found else None


def _any(names: Collection[str], levels: int) -> str:
    if not levels:
        ordered = sorted(names, key=len, reverse=True)
        return f"(?:{'|'.join(map(re.escape, ordered))})"
    first, last = min(names), max(names)
    n_shared = 0
    while n_shared < len(first) and first[n_shared] == last[n_shared]:
        n_shared += 1
    start = first[:n_shared]
    rests = {name[len(start) :] for name in names}
    by_letter: dict[str, set[str]] = {}
    for rest in rests - {""}:
        by_letter.setdefault(rest[0], set()).add(rest)
    ways = [_any(by_letter[letter], levels - 1) for letter in sorted(by_letter)]
    tail = f"(?:{'|'.join(ways)})" if ways else ""
    return re.escape(start) + (f"{tail}?" if tail and "" in rests else tail)
