"""One batch over the cache: where its rows go, and what each of them looks at.

Rows of different sequences share all matrix products; attention is computed for a *run* at a time:
sequences in neighbouring slots with equally many rows. Their cells are one strided tensor, of which
nothing is copied. A run looks at as many cells as its longest sequence has, so a sequence that is
much longer than its neighbours gets a run of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt
import torch

from local_llm_kit.engines.compute import Interrupted
from local_llm_kit.engines.transformers.attention import (
    Attending,
    attend,
    attend_once,
    causal_mask,
)
from local_llm_kit.engines.transformers.cache import SlotCache

#: Numbers of cells that a run may look at in vain: it costs about as much as a call more.
_WASTE = 1 << 15


class Part(NamedTuple):
    """The rows of one sequence.

    :ivar row: the first of them, in the batch.
    :ivar n: how many.
    :ivar slot: where the sequence lives.
    :ivar position: of the first row.
    """

    row: int
    n: int
    slot: int
    position: int

    @property
    def end(self) -> int:
        """Cells that the sequence has with these rows."""
        return self.position + self.n


class Run(NamedTuple):
    """Sequences that are attended together.

    :ivar start: first row, in the order of the parts.
    :ivar parts: in neighbouring slots, with equally many rows.
    :ivar end: cells looked at.
    """

    start: int
    parts: list[Part]
    end: int

    @property
    def n(self) -> int:
        """Rows of each sequence."""
        return self.parts[0].n


def find_parts(sequence: npt.NDArray[np.int32], position: npt.NDArray[np.int32]) -> list[Part]:
    """The sequences of a batch, in order of rows each and of slot: neighbours stand together."""
    starts = [0, *(np.flatnonzero(sequence[1:] != sequence[:-1]) + 1).tolist()]
    ends = [*starts[1:], len(sequence)]
    slots, positions = sequence[starts].tolist(), position[starts].tolist()
    parts = [
        Part(start, end - start, slot, place)
        for start, end, slot, place in zip(starts, ends, slots, positions, strict=True)
    ]
    parts.sort(key=_order)
    return parts


def _order(part: Part) -> tuple[int, int]:
    return part.n, part.slot


def order_of_rows(parts: Sequence[Part]) -> npt.NDArray[np.int64] | None:
    """The batch's rows in the order of the parts; None when they are in it."""
    row = 0
    for part in parts:
        if part.row != row:
            return np.concatenate([np.arange(part.row, part.row + part.n) for part in parts])
        row += part.n
    return None


def find_runs(parts: Sequence[Part], numbers_per_cell: int) -> list[Run]:
    """Sequences that are worth attending together, in the order of `parts`."""
    runs: list[Run] = []
    members: list[Part] = []
    start = longest = total = 0
    for part in parts:
        n, end = len(members), max(longest, part.end)
        waste = ((n + 1) * end - total - part.end) * numbers_per_cell
        if n and (part.n != members[-1].n or part.slot != members[-1].slot + 1 or waste > _WASTE):
            runs.append(Run(start, members, longest))
            start += n * members[0].n
            members, total, end = [], 0, part.end
        members.append(part)
        longest, total = end, total + part.end
    runs.append(Run(start, members, longest))
    return runs


class Step:
    """The attention of one batch.

    :param cache: extended to hold the rows.
    :param parts: the batch's sequences, in the order in which its rows are computed.
    :param slots: (n_rows,) int64, in that order.
    :param positions: (n_rows,) int64, in that order.
    :param is_interrupted: asked in every layer.
    """

    def __init__(
        self,
        cache: SlotCache,
        parts: Sequence[Part],
        slots: Any,
        positions: Any,
        is_interrupted: Callable[[], bool],
    ) -> None:
        self._cache = cache
        self._is_interrupted = is_interrupted
        self._runs = find_runs(parts, cache.widest_cell)
        self._slots = slots
        self._positions = positions
        self._rows: dict[int, Any] = {}
        self._masks: dict[tuple[int, int | None, bool], Any] = {}

    def __call__(self, layer: int, q: Any, kv: Any, how: Attending) -> Any:
        """See `attention.Attention`.

        :raises Interrupted: the computation is not wanted any more.
        """
        if self._is_interrupted():
            raise Interrupted
        store = self._cache.layer(layer)
        store.flat[self._flat_rows(kv.shape[1])] = kv
        if len(self._runs) == 1:
            return self._attend(0, q, store.cells, how)
        runs = range(len(self._runs))
        return torch.cat([self._attend(index, q, store.cells, how) for index in runs])

    def _flat_rows(self, n_heads: int) -> Any:
        """(n_rows, n_heads) places of the rows' keys and values among a layer's flat cells."""
        rows = self._rows.get(n_heads)
        if rows is None:
            heads = torch.arange(n_heads, device=self._slots.device) * self._cache.window
            starts = self._slots * (n_heads * self._cache.window) + self._positions
            rows = self._rows[n_heads] = starts[:, None] + heads
        return rows

    def _attend(self, index: int, q: Any, cells: Any, how: Attending) -> Any:
        start, parts, end = run = self._runs[index]
        n_sequences, n, slot = len(parts), run.n, parts[0].slot
        rows = q if len(self._runs) == 1 else q[start : start + n_sequences * n]
        keys, values = cells[slot : slot + n_sequences, :, :end].chunk(2, dim=1)
        mask = self._mask(index, how)
        if n == 1 and how.is_plain:
            return attend_once(rows, keys, values, mask, how)
        grouped = rows.view(n_sequences, n, *q.shape[1:]).transpose(1, 2)
        out = attend(grouped, keys, values, mask, how, is_causal=mask is None and n > 1)
        return out.transpose(1, 2).reshape(n_sequences * n, q.shape[1], -1)

    def _mask(self, index: int, how: Attending) -> Any:
        """None where a run needs none: every row sees all cells, or row i all up to i."""
        start, parts, end = run = self._runs[index]
        window = how.window if how.window is not None and how.window < end else None
        is_full = window is None and all(part.end == end for part in parts)
        if is_full and (run.n == 1 or (run.n == end and how.is_plain)):
            return None
        key = (index, window, how.is_plain)
        if key not in self._masks:
            positions = self._positions[start : start + len(parts) * run.n]
            dtype = self._cache.layer(0).cells.dtype
            self._masks[key] = causal_mask(positions.view(len(parts), run.n), end, window, dtype)
        return self._masks[key]
