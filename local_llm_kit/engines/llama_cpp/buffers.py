"""What llama.cpp allocates while a model is loaded, as its log tells it.

The library has no function that says how large its buffers are. Its log has, a line a buffer, on
the thread that loads; so what is told to one loader is not mixed up with another's.
"""

from __future__ import annotations

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

_LINE = re.compile(rb"(\S+)\s+(model|KV|RS|compute|output|LoRA) buffer size =\s*(\d+\.\d+) MiB")
_PARTS = {
    b"model": "weights",
    b"KV": "cache",
    b"RS": "cache",
    b"compute": "workspace",
    b"output": "logits",
    b"LoRA": "adapters",
}
_MAPPED, _REPACKED = "_Mapped", "_REPACK"
#: The row of weights that are kept twice, see `Buffers.parts`.
REPACKED = "repacked"


@dataclass(frozen=True, slots=True)
class Buffers:
    """Buffers by what they are for and by where they lie, in bytes."""

    found: dict[tuple[str, str], int] = field(default_factory=dict)

    def add(self, part: str, place: str, size: int) -> None:
        """Count a buffer."""
        self.found[part, place] = self.found.get((part, place), 0) + size

    def parts(self) -> dict[str, int]:
        """Bytes by part, in the words of a `MemoryPlan`.

        Weights that were laid out anew for this CPU beside the mapped file are told apart, as
        ``repacked``: the pages of the file are not used again, and the system takes them back when
        it needs them.
        """
        is_mapped = any(place.endswith(_MAPPED) for _, place in self.found)
        sizes: dict[str, int] = {}
        for (part, place), size in self.found.items():
            name = REPACKED if is_mapped and place.endswith(_REPACKED) else part
            sizes[name] = sizes.get(name, 0) + size
        return sizes

    @property
    def total(self) -> int:
        """All bytes, those of repacked weights once."""
        return sum(size for part, size in self.parts().items() if part != REPACKED)


class _Recorders(threading.local):
    """The buffers that this thread is recording into, the innermost last."""

    def __init__(self) -> None:
        self.stack: list[Buffers] = []


_recorders = _Recorders()


@contextmanager
def recording(part: str | None = None) -> Iterator[Buffers]:
    """Record what this thread lets llama.cpp allocate.

    :param part: inside another recording, the one part of it that all this is.
    """
    buffers = Buffers()
    _recorders.stack.append(buffers)
    try:
        yield buffers
    finally:
        _recorders.stack.pop()
        if part is not None and buffers.found and _recorders.stack:
            _recorders.stack[-1].add(part, "cpu", buffers.total)


def note(line: bytes) -> None:
    """Take a line of llama.cpp's log."""
    if _recorders.stack and (match := _LINE.search(line)):
        size = round(float(match[3]) * (1 << 20))
        _recorders.stack[-1].add(_PARTS[match[2]], match[1].decode("ascii", "replace"), size)
