"""Which rows a step computes, and in which batches."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence as SequenceOf
from itertools import groupby, zip_longest
from typing import NamedTuple

from local_llm_kit.engines.choosing import Part
from local_llm_kit.engines.compute import Batch
from local_llm_kit.engines.drafting import MAX_DRAFT
from local_llm_kit.engines.row_costs import MAX_PADDING, RowCosts
from local_llm_kit.engines.sequence import Sequence

_ROW_UNIT = 16  # matrix kernels work on rows in units of 16
#: Logits of a batch that are kept at most, in numbers (64 MiB): prompts are scored in pieces.
_MAX_LOGITS = 1 << 24


class Group(NamedTuple):
    """Parts whose rows are computed together.

    :ivar first_row: of the batch.
    :ivar n_rows: rows of the parts.
    :ivar n_spare: rows of the spare sequence behind them, which nobody needs.
    :ivar adapter: what they are computed with.
    """

    parts: list[Part]
    first_row: int
    n_rows: int
    n_spare: int
    adapter: str | None


class RowPlanner:
    """Writes a step's rows and parts them into groups that are computed one after another.

    Sequences with different adapters cannot share a batch, and on a CPU two small batches or one
    that is larger than needed may take less time than one that fits.

    :param batch: where the rows are written.
    :param chunk: most rows of a step while sequences are running.
    :param n_vocab: tokens of the model.
    :param calibrate: learn how long batches take, and part or fill them by it.
    :param spare: sequence that rows nobody needs belong to.
    """

    def __init__(
        self, batch: Batch, chunk: int, n_vocab: int, *, calibrate: bool, spare: int
    ) -> None:
        self._batch = batch
        self._chunk = min(chunk, batch.n_rows)
        self._n_scored = max(_ROW_UNIT, _MAX_LOGITS // max(n_vocab, 1))
        self._costs = RowCosts() if calibrate else None
        self._spare = spare
        self._cuttable = False  # several rows, each of another sequence
        self._adapted = False
        self._groups: list[Group] | None = None
        self._last_cut: list[int] | None = None

    def advance(self, tokens: list[int]) -> None:
        """Write the next token of each running sequence; the rows are else as they were."""
        n = len(tokens)
        self._batch.token[:n] = tokens
        self._batch.position[:n] += 1

    def write(
        self,
        running: SequenceOf[Sequence],
        drafts: SequenceOf[list[int]],
        reading: deque[Sequence],
    ) -> list[Part]:
        """Write all rows of a step.

        :param running: sequences with one token left to compute.
        :param drafts: guesses for each of them, or nothing.
        :param reading: sequences with more; rotated, so that none is last for ever.
        """
        parts = [
            Part(sequence, 1 + len(draft or ()), 1 + len(draft or ()), draft or ())
            for sequence, draft in zip_longest(running, drafts)
        ]
        self._cuttable = (
            self._costs is not None
            and len(parts) > 1
            and not reading
            and not any(part.draft for part in parts)
        )
        parts += self._chunks(sum(part.n_rows for part in parts), reading)
        self._adapted = any(map(_adapter, parts))
        if self._adapted:
            parts.sort(key=_adapter)
        start = 0
        for part in parts:
            start = self._write_part(part, start)
        self._groups = None
        if self._cuttable:
            room = min(MAX_PADDING, self._batch.n_rows - start)
            self._batch.write(start, [0] * room, 0, self._spare)
        return parts

    def _chunks(self, n_taken: int, reading: deque[Sequence]) -> list[Part]:
        """A fair share of the rows that are left for each sequence that reads."""
        room = self._batch.n_rows - n_taken
        if n_taken:  # some even beside more streams than a chunk has rows
            room = min(room, max(self._chunk - n_taken, _ROW_UNIT))
        parts: list[Part] = []
        for i, sequence in enumerate(reading):
            if room <= 0:
                break
            share = room // (len(reading) - i) // _ROW_UNIT * _ROW_UNIT
            n_rows = min(sequence.n_left, max(share, min(room, _ROW_UNIT)))
            parts.append(self._chunk_of(sequence, n_rows))
            room -= parts[-1].n_rows
        reading.rotate(-len(parts))  # those that had their turn go behind the others
        return parts

    def _chunk_of(self, sequence: Sequence, n_rows: int) -> Part:
        begin = sequence.slot.n_cached
        n_wanted = 0
        if sequence.to_score < sequence.n_prompt:
            first = max(begin, sequence.to_score - 1)
            n_rows = min(n_rows, first - begin + self._n_scored)
            n_wanted = max(0, begin + n_rows - first)
        elif n_rows == sequence.n_left:
            n_wanted = 1
        return Part(sequence, n_rows, n_wanted, reading=True)

    def _write_part(self, part: Part, start: int) -> int:
        """Write a part's rows from `start`; the row after them."""
        sequence = part.sequence
        begin = sequence.slot.n_cached
        tokens = sequence.tokens[begin : begin + part.n_rows - len(part.draft)]
        end = self._batch.write(start, [*tokens, *part.draft], begin, sequence.slot.id)
        self._batch.wanted[end - part.n_wanted : end] = 1
        return end

    def groups(self, parts: list[Part]) -> list[Group]:
        """Parts that are computed together; of a step that goes on as the last did, the same."""
        cut = self._costs.cut(len(parts)) if self._costs is not None and self._cuttable else None
        if self._groups is None or cut is not self._last_cut:
            self._groups = self._group(parts, cut)
            self._last_cut = cut
        return self._groups

    def _group(self, parts: list[Part], cut: list[int] | None) -> list[Group]:
        groups: list[Group] = []
        row = 0
        for _, found in groupby(parts, _adapter):
            same = list(found)
            for n in self._sizes(len(same), cut):
                together, same = same[:n], same[n:]
                n_rows = sum(part.n_rows for part in together)
                adapter = together[0].sequence.request.adapter
                groups.append(Group(together, row, n_rows, max(0, n - n_rows), adapter))
                row += n_rows
        return groups

    def _sizes(self, n: int, cut: list[int] | None) -> list[int]:
        """How many parts are computed together; each has one row where there are several cuts."""
        if cut is None or self._adapted:
            return [n]
        # Only the last batch of a step has the spare rows behind it.
        return cut if sum(cut) == n or n + MAX_PADDING <= self._batch.n_rows else [n]

    def room_for_drafts(self, n_running: int) -> int:
        """Guesses for each running sequence, so that the rows stay within one unit."""
        return min(MAX_DRAFT, max(0, _ROW_UNIT - n_running) // max(n_running, 1))

    def learn(self, n_rows: int, took_s: float) -> None:
        """Note how long a batch took."""
        if self._costs is not None and self._cuttable:
            self._costs.learn(n_rows, took_s)


def _adapter(part: Part) -> str:
    return part.sequence.request.adapter or ""
