"""Memory for one layer's part of the cache, taken as it is written and given back when forgotten.

On a CPU it is a reservation of address space: a page takes memory once a cell in it is written, so
a window that nobody fills costs nothing. On Linux, pages that are dropped are given back at once;
elsewhere they are zeroed and kept for the next text.

Cells that hold nothing are zero. Attention reads them with weight 0, and 0 times what an overflow
left there would be no number.
"""

from __future__ import annotations

import math
import mmap
import platform
import sys
from typing import Any

import numpy as np
import torch

from LLM.exceptions import LLMConfigError

#: Fewer bytes than this are zeroed and stay: a page table's work costs more.
_WORTH_GIVING_BACK = 256 << 10
_CAN_GIVE_BACK = sys.platform == "linux" and hasattr(mmap.mmap, "madvise")
#: Lets the kernel promise more than there is; Python names this flag from 3.13 on.
_NORESERVE = (
    getattr(mmap, "MAP_NORESERVE", 0x4000) if platform.machine() in ("x86_64", "aarch64") else 0
)


class LayerCells:
    """Keys and values of one layer, for every slot.

    Head by head: attention over 500 cells takes 150 µs so, and 260 µs position by position.

    :param n_slots: sequences.
    :param n_heads: key heads and value heads together.
    :param window: cells of one sequence.
    :param width: numbers in one head's cell.
    :raises LLMConfigError: there is no memory for it.

    :ivar cells: (n_slots, n_heads, window, width).
    :ivar flat: the same as (n_slots * n_heads * window, width).
    """

    def __init__(
        self, n_slots: int, n_heads: int, window: int, width: int, *, dtype: Any, device: Any
    ) -> None:
        shape = (n_slots, n_heads, window, width)
        self._mapping: mmap.mmap | None = None
        try:
            if device.type == "cpu":
                self._bytes = self._reserve(math.prod(shape) * dtype.itemsize)
                self.cells: Any = self._bytes.view(dtype).view(shape)
            else:
                self.cells = torch.zeros(shape, dtype=dtype, device=device)
        except (OSError, MemoryError, OverflowError, RuntimeError) as err:
            raise LLMConfigError(
                f"no room for a cache of {n_slots} times {window} tokens; choose a smaller "
                "context_length or fewer slots"
            ) from err
        self.flat: Any = self.cells.view(-1, width)

    def _reserve(self, size: int) -> Any:
        """So many zeros, of which none takes memory yet."""
        if not _CAN_GIVE_BACK:
            return torch.from_numpy(np.zeros(size, np.uint8))
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | _NORESERVE
        # Never closed by hand: it is unmapped with the last tensor that looks at it.
        self._mapping = mmap.mmap(-1, size, flags=flags)
        return torch.frombuffer(self._mapping, dtype=torch.uint8)

    def drop(self, slot: int, start: int, end: int) -> None:
        """Make a slot's cells from `start` up to `end` empty."""
        cells = self.cells[slot, :, start:end]
        head_bytes = (end - start) * cells.shape[-1] * cells.element_size()
        if self._mapping is None or head_bytes < _WORTH_GIVING_BACK:
            cells.zero_()
            return
        for head in cells:
            begin = head.storage_offset() * cells.element_size()
            self._give_back(begin, begin + head_bytes)

    def _give_back(self, begin: int, end: int) -> None:
        """Drop the whole pages in a range of bytes, and zero what is left at its edges."""
        assert self._mapping is not None
        first = -(-begin // mmap.PAGESIZE) * mmap.PAGESIZE
        last = end // mmap.PAGESIZE * mmap.PAGESIZE
        self._bytes[begin:first].zero_()
        self._bytes[last:end].zero_()
        self._mapping.madvise(mmap.MADV_DONTNEED, first, last - first)
