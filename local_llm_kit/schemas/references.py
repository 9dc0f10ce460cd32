"""What a schema's references point to."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any
from urllib.parse import unquote

# RFC 6901, section 4; no list has more items, and Python reads no number of 5,000 digits.
_INDEX = re.compile("0|[1-9][0-9]{0,8}")


class Targets:
    """Finds the parts of a schema by reference.

    :param root: the schema.
    """

    def __init__(self, root: dict[str, Any]) -> None:
        self._root = root
        self._anchors = dict(_anchors(root))

    def find(self, reference: str) -> Any:
        """The part that ``#``, ``#/a/b`` or ``#anchor`` names.

        :raises ValueError: there is none.
        """
        pointer = unquote(reference[1:])
        found = self._walk(pointer) if pointer[:1] in ("", "/") else self._anchors.get(pointer)
        if not isinstance(found, (dict, bool)):
            raise ValueError(f"the $ref {reference[:80]!r} points to no schema")
        return found

    def _walk(self, pointer: str) -> Any:
        part: Any = self._root
        for step in pointer.split("/")[1:]:
            name = step.replace("~1", "/").replace("~0", "~")
            if isinstance(part, list):
                is_there = _INDEX.fullmatch(name) and int(name) < len(part)
                part = part[int(name)] if is_there else None
            else:
                part = part.get(name) if isinstance(part, dict) else None
        return part


def _anchors(part: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(part, list):
        for one in part:
            yield from _anchors(one)
    elif isinstance(part, dict):
        if isinstance(part.get("$anchor"), str):
            yield part["$anchor"], part
        for one in part.values():
            yield from _anchors(one)
