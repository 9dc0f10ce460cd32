"""A back end without a model, which checks what the scheduler asks of it.

What a row gives depends on the tokens before it and on the adapter they were read with, and on
nothing else; so an answer is wrong by a whole row as soon as one cell is not what it should be.
"""

from __future__ import annotations

import random
from typing import NamedTuple

import numpy as np

from local_llm_kit.engines.compute import Batch, Interrupted, OutOfCache, Row

N_VOCAB = 24
_TABLE = np.random.default_rng(3).normal(0, 2, (509, N_VOCAB)).astype(np.float32)
_TABLE[:, 0] -= 2  # the token that ends an answer


class FakeVocabulary:
    """Letters, two halves of a character, and a token that ends."""

    n_vocab = N_VOCAB
    eos_token_id = 0

    def __init__(self) -> None:
        letters = [bytes([97 + i]) for i in range(N_VOCAB - 3)]
        self.pieces = [b"", *letters, b"\xc3", b"\xa9"]
        self.ends = [i == 0 for i in range(N_VOCAB)]
        self.control_names = ["<end>", *[""] * (N_VOCAB - 1)]

    def tokenize(self, text: str, *, add_special: bool, parse_special: bool) -> list[int]:
        return [ord(char) - 96 for char in text]


class Cell(NamedTuple):
    """One token read; `state` stands for it and all before it."""

    state: int
    number: int  # copies of a sequence share their cells


class FakeRunner:
    """A cache of so many cells, and logits looked up by what a sequence has read.

    :param n_rows: most rows of a batch.
    :param n_cells: tokens that the cache holds; cells that sequences share count once.
    :param whole: sequences can only be dropped whole and never copied, as with recurrent models.
    :ivar n_made: cells computed so far.
    :param rng: interrupts one computation of `one_in`; None never does.
    """

    def __init__(
        self,
        n_rows: int = 32,
        n_cells: int = 10_000,
        *,
        whole: bool = False,
        rng: random.Random | None = None,
        one_in: int = 10,
    ) -> None:
        self.batch = Batch(n_rows)
        self.cells: dict[int, list[Cell]] = {}
        self._n_cells = n_cells
        self._whole = whole
        self._rng = rng
        self._one_in = one_in
        self._adapter: str | None = None
        self._interrupted = False
        self.n_made = 0
        self._rows: list[int] = []

    def decode(self, start: int, n_rows: int) -> None:
        assert 0 < n_rows <= self.batch.n_rows - start
        used = {cell.number for cells in self.cells.values() for cell in cells}
        if len(used) + n_rows > self._n_cells:
            raise OutOfCache
        self._rows = []
        stop = n_rows
        if self._rng is not None and self._rng.randrange(self._one_in) == 0:
            self._interrupted = True
        if self._interrupted:
            stop = self._rng.randrange(n_rows + 1) if self._rng else 0
        for row in range(start, start + stop):
            self._read(row)
        if self._interrupted:
            self._interrupted = False
            raise Interrupted

    def _read(self, row: int) -> None:
        batch = self.batch
        cells = self.cells.setdefault(int(batch.sequence[row]), [])
        assert batch.position[row] == len(cells), "a gap, or a cell that is there already"
        before = cells[-1].state if cells else 0
        state = hash((before, int(batch.token[row]), len(self._adapter or "")))
        self.n_made += 1
        cells.append(Cell(state, self.n_made))
        if batch.wanted[row]:
            self._rows.append(state % len(_TABLE))

    def interrupt(self) -> None:
        self._interrupted = True

    def logits(self, n_rows: int) -> Row:
        assert n_rows == len(self._rows)
        return _TABLE[self._rows]

    def likeliest(self, n_rows: int) -> tuple[list[int], list[float]]:
        rows = self.logits(n_rows)
        return rows.argmax(axis=1).tolist(), rows.max(axis=1).tolist()

    def forget(self, sequence: int, start: int = 0) -> None:
        cells = self.cells.get(sequence, [])
        assert not self._whole or start == 0 or start >= len(cells)
        del cells[start:]

    def copy(self, source: int, target: int, n_tokens: int) -> None:
        assert not self._whole
        assert not self.cells.get(target)
        assert len(self.cells[source]) >= n_tokens
        self.cells[target] = self.cells[source][:n_tokens]

    def clear(self) -> None:
        self.cells.clear()

    def use_adapter(self, name: str | None) -> None:
        self._adapter = name

    def save(self, sequence: int, n_tokens: int) -> bytes:
        cells = self.cells[sequence][:n_tokens]
        assert len(cells) == n_tokens
        return np.array([cell.state for cell in cells], np.int64).tobytes()

    def restore(self, sequence: int, data: bytes, n_tokens: int) -> None:
        assert not self.cells.get(sequence)
        used = {cell.number for cells in self.cells.values() for cell in cells}
        if len(used) + n_tokens > self._n_cells:
            raise OutOfCache
        states = np.frombuffer(data, np.int64)
        self.cells[sequence] = [Cell(int(s), self.n_made + i) for i, s in enumerate(states, 1)]
        self.n_made += n_tokens

    def free(self) -> None:
        self.clear()
