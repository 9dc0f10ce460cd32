"""Whether this thread is in a destructor, where nothing may be waited for."""

from __future__ import annotations

import threading


class _Collecting(threading.local):
    depth = 0

    def __enter__(self) -> None:
        self.depth += 1

    def __exit__(self, *exc_info: object) -> None:
        self.depth -= 1


#: A block of a destructor: ``with collecting:``.
collecting = _Collecting()


def is_collecting() -> bool:
    """Whether a destructor is running in this thread."""
    return collecting.depth > 0
